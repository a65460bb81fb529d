"""The 36 networks of the paper's Table 1 by name; `cifar_network` explains their arguments."""

from keras_multigrid.applications.cifar import Design, cifar_network
from keras_multigrid.applications.common import with_signature_of

VGG = Design(ratios=(1,))
MG_SM = Design(width=40)
MG = Design()
PMG_SM = Design(width=40, progressive=True)
PMG = Design(progressive=True)
RES = Design(ratios=(1,), residual=True)
R_MG_SM = Design(width=40, residual=True)
R_MG = Design(residual=True)
R_PMG_SM = Design(width=40, residual=True, progressive=True)
R_PMG = Design(residual=True, progressive=True)


@with_signature_of(cifar_network)
def VGG6(*args, **kwargs):
    """Plain CNN with one layer per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=VGG, n=1, paper_name="VGG-6")


@with_signature_of(cifar_network)
def VGG11(*args, **kwargs):
    """Plain CNN with two layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=VGG, n=2, paper_name="VGG-11")


@with_signature_of(cifar_network)
def VGG16(*args, **kwargs):
    """Plain CNN with three layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=VGG, n=3, paper_name="VGG-16")


@with_signature_of(cifar_network)
def VGG21(*args, **kwargs):
    """Plain CNN with four layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=VGG, n=4, paper_name="VGG-21")


@with_signature_of(cifar_network)
def MGsm6(*args, **kwargs):
    """Small multigrid CNN with one layer per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG_SM, n=1, paper_name="MG-sm-6")


@with_signature_of(cifar_network)
def MGsm11(*args, **kwargs):
    """Small multigrid CNN with two layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG_SM, n=2, paper_name="MG-sm-11")


@with_signature_of(cifar_network)
def MGsm16(*args, **kwargs):
    """Small multigrid CNN with three layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG_SM, n=3, paper_name="MG-sm-16")


@with_signature_of(cifar_network)
def MGsm21(*args, **kwargs):
    """Small multigrid CNN with four layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG_SM, n=4, paper_name="MG-sm-21")


@with_signature_of(cifar_network)
def MG6(*args, **kwargs):
    """Multigrid CNN with one layer per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG, n=1, paper_name="MG-6")


@with_signature_of(cifar_network)
def MG11(*args, **kwargs):
    """Multigrid CNN with two layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG, n=2, paper_name="MG-11")


@with_signature_of(cifar_network)
def MG16(*args, **kwargs):
    """Multigrid CNN with three layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG, n=3, paper_name="MG-16")


@with_signature_of(cifar_network)
def MG21(*args, **kwargs):
    """Multigrid CNN with four layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=MG, n=4, paper_name="MG-21")


@with_signature_of(cifar_network)
def PMGsm9(*args, **kwargs):
    """Small progressive multigrid CNN with one layer per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=PMG_SM, n=1, paper_name="PMG-sm-9")


@with_signature_of(cifar_network)
def PMGsm16(*args, **kwargs):
    """Small progressive multigrid CNN with two layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=PMG_SM, n=2, paper_name="PMG-sm-16")


@with_signature_of(cifar_network)
def PMGsm30(*args, **kwargs):
    """Small progressive multigrid CNN, n = 3: 23 layers, despite its name (Table 1)."""
    return cifar_network(*args, **kwargs, design=PMG_SM, n=3, paper_name="PMG-sm-30")


@with_signature_of(cifar_network)
def PMG9(*args, **kwargs):
    """Progressive multigrid CNN with one layer per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=PMG, n=1, paper_name="PMG-9")


@with_signature_of(cifar_network)
def PMG16(*args, **kwargs):
    """Progressive multigrid CNN with two layers per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=PMG, n=2, paper_name="PMG-16")


@with_signature_of(cifar_network)
def PMG30(*args, **kwargs):
    """Progressive multigrid CNN, n = 3: 23 layers, despite its name (Table 1)."""
    return cifar_network(*args, **kwargs, design=PMG, n=3, paper_name="PMG-30")


@with_signature_of(cifar_network)
def RES12(*args, **kwargs):
    """Residual CNN with one unit per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=RES, n=1, paper_name="RES-12")


@with_signature_of(cifar_network)
def RES22(*args, **kwargs):
    """Residual CNN with two units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=RES, n=2, paper_name="RES-22")


@with_signature_of(cifar_network)
def RES32(*args, **kwargs):
    """Residual CNN with three units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=RES, n=3, paper_name="RES-32")


@with_signature_of(cifar_network)
def RES42(*args, **kwargs):
    """Residual CNN with four units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=RES, n=4, paper_name="RES-42")


@with_signature_of(cifar_network)
def RMGsm12(*args, **kwargs):
    """Small residual multigrid CNN with one unit per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG_SM, n=1, paper_name="R-MG-sm-12")


@with_signature_of(cifar_network)
def RMGsm22(*args, **kwargs):
    """Small residual multigrid CNN with two units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG_SM, n=2, paper_name="R-MG-sm-22")


@with_signature_of(cifar_network)
def RMGsm32(*args, **kwargs):
    """Small residual multigrid CNN with three units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG_SM, n=3, paper_name="R-MG-sm-32")


@with_signature_of(cifar_network)
def RMGsm42(*args, **kwargs):
    """Small residual multigrid CNN with four units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG_SM, n=4, paper_name="R-MG-sm-42")


@with_signature_of(cifar_network)
def RMG12(*args, **kwargs):
    """Residual multigrid CNN with one unit per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG, n=1, paper_name="R-MG-12")


@with_signature_of(cifar_network)
def RMG22(*args, **kwargs):
    """Residual multigrid CNN with two units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG, n=2, paper_name="R-MG-22")


@with_signature_of(cifar_network)
def RMG32(*args, **kwargs):
    """Residual multigrid CNN with three units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG, n=3, paper_name="R-MG-32")


@with_signature_of(cifar_network)
def RMG42(*args, **kwargs):
    """Residual multigrid CNN with four units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_MG, n=4, paper_name="R-MG-42")


@with_signature_of(cifar_network)
def RPMGsm16(*args, **kwargs):
    """Small residual progressive multigrid CNN with one unit per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_PMG_SM, n=1, paper_name="R-PMG-sm-16")


@with_signature_of(cifar_network)
def RPMGsm30(*args, **kwargs):
    """Small residual progressive multigrid CNN with two units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_PMG_SM, n=2, paper_name="R-PMG-sm-30")


@with_signature_of(cifar_network)
def RPMGsm44(*args, **kwargs):
    """Small residual progressive multigrid CNN with three units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_PMG_SM, n=3, paper_name="R-PMG-sm-44")


@with_signature_of(cifar_network)
def RPMG16(*args, **kwargs):
    """Residual progressive multigrid CNN with one unit per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_PMG, n=1, paper_name="R-PMG-16")


@with_signature_of(cifar_network)
def RPMG30(*args, **kwargs):
    """Residual progressive multigrid CNN with two units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_PMG, n=2, paper_name="R-PMG-30")


@with_signature_of(cifar_network)
def RPMG44(*args, **kwargs):
    """Residual progressive multigrid CNN with three units per section (paper, Table 1)."""
    return cifar_network(*args, **kwargs, design=R_PMG, n=3, paper_name="R-PMG-44")
