"""What a question on the terminal does not wait for."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_question_on_the_terminal_loads_neither_the_server_nor_a_client_of_language_models():
    program = (
        "import sys; import server.settings, server.terminal\n"
        "print(sorted({'aiohttp', 'httpx', 'torch', 'PIL', 'argon2', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
