"""`watchkeeper demo`: a recorded bad deploy of checkout, through the same code as `diagnose --from`."""

import typer


def demo(context: typer.Context) -> None:
    """Diagnose a recorded bad deploy; needs no key and no network."""
    from watchkeeper import assembly, settings
    from watchkeeper.cli.diagnose import present
    from watchkeeper.cli.screen import say

    chosen = settings.load(context.obj)
    case = assembly.diagnose_demo(chosen, say)
    present(case, assembly.save_case(chosen, case, say))
