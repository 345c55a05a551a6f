import pytest

import kefu


def test_an_empty_path_is_refused_instead_of_reading_the_current_folder(capsys):
    with pytest.raises(SystemExit) as left:
        kefu.main(["ingest", ""])

    assert left.value.code == 2
    assert "a path is empty" in capsys.readouterr().err
