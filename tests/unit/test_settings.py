import sys
from pathlib import Path
from subprocess import run

import pytest

from stemwright.errors import OptionError
from stemwright.settings import Settings, reference, unknown_variables

REPOSITORY = Path(__file__).parents[2]


def _file(folder, text):
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return {"HOME": str(folder), "STEMWRIGHT_CONFIG": str(path)}


def test_without_anything_said_folders_follow_the_desktop_convention():
    settings = Settings.load({"HOME": "/home/ada"})
    assert settings.models_dir == Path("/home/ada/.local/share/stemwright/models")


def test_xdg_folders_are_respected():
    settings = Settings.load({"HOME": "/home/ada", "XDG_DATA_HOME": "/srv"})
    assert settings.data_dir == Path("/srv/stemwright")


def test_an_xdg_folder_that_is_not_absolute_is_ignored_as_the_convention_says():
    settings = Settings.load({"HOME": "/home/ada", "XDG_DATA_HOME": "no"})
    assert settings.data_dir == Path("/home/ada/.local/share/stemwright")


def test_models_live_in_the_data_folder_that_was_chosen():
    settings = Settings.load({"HOME": "/home/ada", "STEMWRIGHT_DATA_DIR": "/big"})
    assert settings.models_dir == Path("/big/models")


def test_no_home_and_no_folder_is_one_clear_error():
    with pytest.raises(OptionError, match="set HOME, XDG_DATA_HOME, or STEMWRIGHT_DATA_DIR"):
        Settings.load({})


def test_no_home_is_fine_when_the_data_folder_is_named():
    assert Settings.load({"STEMWRIGHT_DATA_DIR": "/d"}).models_dir == Path("/d/models")


def test_the_environment_wins_over_the_file(tmp_path):
    environ = _file(tmp_path, 'port = 9000\nhost = "0.0.0.0"\n')
    settings = Settings.load(environ | {"STEMWRIGHT_PORT": "9001"})
    assert (settings.port, settings.host) == (9001, "0.0.0.0")


def test_the_usual_file_is_found(tmp_path):
    (tmp_path / "stemwright").mkdir()
    (tmp_path / "stemwright" / "config.toml").write_text("threads = 3\n")
    assert Settings.load({"HOME": "/x", "XDG_CONFIG_HOME": str(tmp_path)}).threads == 3


def test_lists_are_lists_in_the_file_and_commas_in_the_environment(tmp_path):
    environ = _file(tmp_path, 'model_sources = ["npm", "huggingface"]\n')
    assert Settings.load(environ).model_sources == ("npm", "huggingface")
    environ["STEMWRIGHT_MODEL_SOURCES"] = "huggingface, npm"
    assert Settings.load(environ).model_sources == ("huggingface", "npm")


def test_a_relative_path_starts_at_the_file_that_says_it(tmp_path):
    assert Settings.load(_file(tmp_path, 'data_dir = "here"\n')).data_dir == tmp_path / "here"


def test_an_unknown_key_in_the_file_names_file_key_and_the_likely_one(tmp_path):
    with pytest.raises(OptionError, match=r"config\.toml: .*'model_dir'\. Did you mean models_dir"):
        Settings.load(_file(tmp_path, 'model_dir = "/m"\n'))


@pytest.mark.parametrize("text", ["port =", "port = 1\nport = 2", "\x00"])
def test_a_file_that_is_not_toml_is_one_clear_error(tmp_path, text):
    with pytest.raises(OptionError, match=r"config\.toml is not TOML"):
        Settings.load(_file(tmp_path, text))


def test_a_named_file_has_to_exist(tmp_path):
    with pytest.raises(OptionError, match="cannot be read"):
        Settings.load({"HOME": "/x", "STEMWRIGHT_CONFIG": str(tmp_path / "absent.toml")})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("THREADS", "-1"),
        ("THREADS", "two"),
        ("MAX_DURATION_S", "nan"),
        ("MAX_DURATION_S", "-5"),
        ("RUNTIME", "cuda"),
    ],
)
def test_a_value_that_makes_no_sense_names_the_variable(variable, text):
    with pytest.raises(OptionError, match=f"STEMWRIGHT_{variable}: '{text}' is not"):
        Settings.load({"HOME": "/x", f"STEMWRIGHT_{variable}": text})


def test_a_value_in_the_file_of_the_wrong_kind_names_key_and_file(tmp_path):
    with pytest.raises(OptionError, match=r"config\.toml: port is not a text"):
        Settings.load(_file(tmp_path, "port = { a = 1 }\n"))


def test_zero_means_no_limit():
    said = {"HOME": "/x", "STEMWRIGHT_MAX_DURATION_S": "0", "STEMWRIGHT_THREADS": "0"}
    settings = Settings.load(said)
    assert (settings.max_duration_s, settings.threads) == (None, None)


def test_an_empty_variable_counts_as_not_set():
    assert Settings.load({"HOME": "/x", "STEMWRIGHT_PORT": ""}).port == 8000


def test_a_secret_is_read_from_its_file_and_stays_out_of_repr(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    environ = {"HOME": "/x", "STEMWRIGHT_HUGGINGFACE_TOKEN_FILE": str(tmp_path / "token")}
    settings = Settings.load(environ)
    assert settings.huggingface_token == "s3cret"
    assert "s3cret" not in repr(settings)


def test_a_secret_given_twice_is_an_error(tmp_path):
    (tmp_path / "token").write_text("s3cret")
    said = {"HUGGINGFACE_TOKEN": "other", "HUGGINGFACE_TOKEN_FILE": str(tmp_path / "token")}
    with pytest.raises(OptionError, match="both set"):
        Settings.load({"HOME": "/x"} | {f"STEMWRIGHT_{name}": text for name, text in said.items()})


def test_a_secret_in_the_environment_replaces_the_one_in_the_file(tmp_path):
    environ = _file(tmp_path, 'huggingface_token = "old"\n')
    assert Settings.load(environ | {"STEMWRIGHT_HUGGINGFACE_TOKEN": "new"}).huggingface_token == (
        "new"
    )


def test_a_secret_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(OptionError, match="HUGGINGFACE_TOKEN_FILE: cannot read"):
        Settings.load({"HOME": "/x", "STEMWRIGHT_HUGGINGFACE_TOKEN_FILE": str(tmp_path / "no")})


@pytest.mark.parametrize(("text", "found"), [("true", ("all",)), ("false", ()), ("all", ("all",))])
def test_private_networks_may_be_said_as_a_switch(text, found):
    environ = {"HOME": "/x", "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": text}
    assert Settings.load(environ).allow_private_networks == found


def test_variables_that_only_look_like_settings_are_found():
    assert unknown_variables(
        {"STEMWRIGHT_MODEL_DIR": "/m", "STEMWRIGHT_PORT": "1", "PATH": ""}
    ) == ["STEMWRIGHT_MODEL_DIR"]


def test_every_setting_is_in_the_reference_page():
    page = (REPOSITORY / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert reference() in page, "update the table: stemwright.settings.reference() draws it"


def test_settings_cost_no_heavy_import():
    code = "import sys, stemwright.settings; print(*sys.modules)"
    loaded = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "httpx", "pydantic", "openvino"} & set(loaded.split())


@pytest.mark.parametrize("name", ["WORKERS", "RETENTION_DAYS", "URL_TTL_S", "PORT", "THREADS"])
@pytest.mark.parametrize("value", ["9" * 20, "9" * 5000, "-1", "²", "1e3"])
def test_absurd_numbers_are_one_clear_error_for_each_setting(name, value):
    with pytest.raises(OptionError, match=f"STEMWRIGHT_{name}: .* is not a"):
        Settings.load({"HOME": "/home/ada", f"STEMWRIGHT_{name}": value})
