"""What is in a folder of one's own data, and what is wrong with it."""

from keras_multigrid.checking.folders import check_folder
from keras_multigrid.checking.page import write_page
from keras_multigrid.checking.report import Problem, Report

__all__ = ["Problem", "Report", "check_folder", "write_page"]
