"""Print what makes your shell complete commands, options and names of models.

bash         eval "$(starcoder-lsp completion bash)"    in ~/.bashrc
zsh          eval "$(starcoder-lsp completion zsh)"     in ~/.zshrc, behind compinit
fish         starcoder-lsp completion fish | source     in ~/.config/fish/config.fish
tcsh         eval "`starcoder-lsp completion tcsh`"     in ~/.tcshrc
powershell   starcoder-lsp completion powershell | Out-String | Invoke-Expression    in $PROFILE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argcomplete.shell_integration import shellcode

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", metavar="SHELL", choices=["bash", "zsh", "fish", "tcsh", "powershell"], help="yours")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    print(shellcode(["starcoder-lsp"], shell=arguments.shell))
    return 0
