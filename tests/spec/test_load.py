"""What a good file gives, and what a file that cannot be read gives."""

from pathlib import Path

import pytest

from freehold.errors import FreeholdError
from freehold.spec import Server, Spec, SpecError, load, stack_file

GOOD = """\
encryptionsalt: v1:abc
config:
  aws:region: eu-central-1
  freehold:store: store
  freehold:model: {weights: tiny}
  freehold:engine: llama
  freehold:nodes:
    - name: ada
"""


def loaded(folder: Path, text: str, secrets: dict[str, str] | None = None) -> Spec:
    path = folder / "Pulumi.test.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, root=folder, secrets=secrets)


def refused(folder: Path, text: str, secrets: dict[str, str] | None = None) -> str:
    with pytest.raises(SpecError) as error:
        loaded(folder, text, secrets)
    return str(error.value)


def test_the_least_file_gets_every_default(tmp_path: Path) -> None:
    spec = loaded(tmp_path, GOOD)
    assert spec.server == Server()
    assert (spec.ssh.config, spec.ssh.connect_timeout_s) == (None, 10)
    assert (spec.model.alias, spec.parallel_nodes, spec.api_key) == ("tiny", 4, None)
    assert spec.node("ada").ssh == "ada"
    assert spec.node("ada").server == Server()


def test_a_node_that_is_not_declared_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="grace"):
        loaded(tmp_path, GOOD).node("grace")


def test_a_node_carries_the_server_merged_key_by_key_and_flag_by_flag(tmp_path: Path) -> None:
    spec = loaded(
        tmp_path,
        GOOD + "      server: {slots: 2, port: 8080, flags: {--z: 3, --b: 4}}\n"
        "    - name: grace\n"
        "  freehold:server: {port: 9000, threads: 8, flags: {--z: 1, --a: text}}\n",
    )
    ada, grace = spec.nodes
    assert (ada.server.port, ada.server.threads, ada.server.slots) == (8080, 8, 2)
    assert list(ada.server.flags.items()) == [("--z", 3), ("--a", "text"), ("--b", 4)]
    assert grace.server == spec.server
    assert list(spec.server.flags) == ["--z", "--a"]


def test_flags_keep_their_order_and_types(tmp_path: Path) -> None:
    flags = "{--temp: 0.70, --no-repack: true, -n: 512, --reasoning: 'off', -a1: '1'}"
    spec = loaded(tmp_path, GOOD + f"  freehold:server: {{flags: {flags}}}\n")
    assert repr(list(spec.server.flags.items())) == repr(
        [("--temp", 0.7), ("--no-repack", True), ("-n", 512), ("--reasoning", "off"), ("-a1", "1")]
    )


@pytest.mark.parametrize("key", ["context_tokens", "slots"])
def test_max_asks_for_as_much_as_fits(tmp_path: Path, key: str) -> None:
    spec = loaded(tmp_path, GOOD + f"  freehold:server: {{{key}: max}}\n")
    assert getattr(spec.server, key) == "max"


@pytest.mark.parametrize(
    ("written", "devices"),
    [("all", None), ("none", ()), ("[CUDA0, Vulkan1]", ("CUDA0", "Vulkan1"))],
)
def test_devices_are_all_or_none_or_those_named(
    tmp_path: Path, written: str, devices: tuple[str, ...] | None
) -> None:
    spec = loaded(tmp_path, GOOD + f"  freehold:server: {{devices: {written}}}\n")
    assert spec.server.devices == devices


@pytest.mark.parametrize("written", ["off", '"off"', "'off'"])
def test_thinking_is_off_with_quotes_and_without(tmp_path: Path, written: str) -> None:
    text = GOOD.replace("{weights: tiny}", f"{{weights: tiny, thinking: {written}}}")
    assert loaded(tmp_path, text).model.thinking == "off"


@pytest.mark.parametrize("written", ["1", "1.0", '"1.0"'])
def test_a_number_is_read_as_pulumi_may_rewrite_it(tmp_path: Path, written: str) -> None:
    spec = loaded(tmp_path, GOOD + f"  freehold:server: {{headroom_gpu_gib: {written}}}\n")
    assert spec.server.headroom_gpu_gib == 1.0


def test_a_node_overrides_each_of_the_keys_that_place_the_model(tmp_path: Path) -> None:
    own = "{cache_type: q8_0, devices: none, headroom_ram_gib: 0, ubatch_tokens: 1024, mtp: true}"
    spec = loaded(
        tmp_path,
        GOOD + f"      server: {own}\n"
        "    - name: grace\n"
        "  freehold:server: {cache_type: auto, devices: [CUDA1], batch_tokens: 4096}\n",
    )
    ada, grace = (node.server for node in spec.nodes)
    assert (ada.cache_type, ada.devices, ada.headroom_ram_gib) == ("q8_0", (), 0)
    assert (ada.batch_tokens, ada.ubatch_tokens, ada.mtp) == (4096, 1024, True)
    assert (grace.cache_type, grace.devices, grace.mtp) == ("auto", ("CUDA1",), False)


def test_flags_that_place_the_model_are_taken_where_it_is_placed_by_hand(tmp_path: Path) -> None:
    by_hand = "{placement: by_hand, flags: {--n-gpu-layers: 99, -ot: 'exps=CPU'}}"
    spec = loaded(tmp_path, GOOD + f"      server: {by_hand}\n")
    assert list(spec.node("ada").server.flags) == ["--n-gpu-layers", "-ot"]


def test_flags_of_thinking_are_taken_where_the_stack_leaves_it_open(tmp_path: Path) -> None:
    flags = "{--reasoning-effort: high, --chat-template-kwargs: '{\"enable_thinking\": true}'}"
    spec = loaded(tmp_path, GOOD + f"  freehold:server: {{flags: {flags}}}\n")
    assert list(spec.server.flags) == ["--reasoning-effort", "--chat-template-kwargs"]


def test_paths_start_at_the_checkout_or_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    spec = loaded(tmp_path, GOOD + "  freehold:ssh: {config: ~/.ssh/lab}\n")
    assert spec.store == str(tmp_path / "store")
    assert spec.ssh.config == Path("/home/ada/.ssh/lab")
    assert loaded(tmp_path, GOOD.replace(": store", ": /srv/./w/../s")).store == "/srv/s"


def test_a_whole_number_that_pulumi_rewrote_as_text_is_read(tmp_path: Path) -> None:
    assert loaded(tmp_path, GOOD + '  freehold:parallel_nodes: "8"\n').parallel_nodes == 8


def test_an_alias_repeats_a_value(tmp_path: Path) -> None:
    nodes = "      server: &big {slots: 4}\n    - {name: grace, server: *big}\n"
    assert [node.server.slots for node in loaded(tmp_path, GOOD + nodes).nodes] == [4, 4]


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeff" + GOOD).engine == "llama"


@pytest.mark.parametrize(
    "destination",
    ["ada", "admin@10.0.0.1", "ssh://admin@ada:2222", "a@corp@ada.example", "admin@fe80::1%eth0",
     "ssh://admin@[::1]:22"],
)  # fmt: skip
def test_a_destination_of_openssh_is_taken(tmp_path: Path, destination: str) -> None:
    assert loaded(tmp_path, GOOD + f'      ssh: "{destination}"\n').nodes[0].ssh == destination


ENCRYPTED = GOOD + "  freehold:api_key: {secure: v1:abc}\n"
KEY = "sk-0123456789abcdef"


def test_an_encrypted_key_is_known_to_be_set_without_its_value(tmp_path: Path) -> None:
    key = loaded(tmp_path, ENCRYPTED).api_key
    assert key is not None
    assert not key.is_decrypted
    with pytest.raises(FreeholdError, match="encrypted here"):
        key.reveal()


@pytest.mark.parametrize("text", [ENCRYPTED, GOOD])
def test_a_key_that_pulumi_decrypted_is_carried(tmp_path: Path, text: str) -> None:
    key = loaded(tmp_path, text, {"freehold:api_key": KEY}).api_key
    assert key is not None
    assert key.reveal() == KEY


def test_a_key_that_pulumi_did_not_decrypt_is_a_problem(tmp_path: Path) -> None:
    assert "9:21: freehold:api_key: it was not decrypted" in refused(tmp_path, ENCRYPTED, {})


@pytest.mark.parametrize("key", ["hunter2", "hunter2 hunter2 hunter2", "hunter2-hunter2-hunté2"])
def test_an_unusable_key_is_refused_without_its_value(tmp_path: Path, key: str) -> None:
    said = refused(tmp_path, ENCRYPTED, {"freehold:api_key": key})
    assert said == (
        "Pulumi.test.yaml:9:21: freehold:api_key: expected a key of at least 16 printable ASCII "
        "characters, no spaces"
    )


def test_a_missing_file_names_the_stacks_there_are(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/Pulumi.prod.yaml").touch()
    with pytest.raises(SpecError) as error:
        load(stack_file("lab", tmp_path), root=tmp_path)
    assert str(error.value) == (
        "stacks/Pulumi.lab.yaml: no such file\n"
        "Hint: stacks in stacks/: prod; to begin one, copy stacks/reference.yaml to "
        "stacks/Pulumi.lab.yaml"
    )


def test_a_folder_is_not_a_stack_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected a file, got a folder"):
        load(tmp_path, root=tmp_path)


def test_a_huge_file_is_not_parsed(tmp_path: Path) -> None:
    text = GOOD.ljust(300_000, "#")
    assert "expected at most 262144 bytes, got 300000" in refused(tmp_path, text)


@pytest.mark.parametrize("stack", ["../lab", "a/b", "", "-lab", "a b"])
def test_a_text_that_is_no_stack_name_never_becomes_a_path(tmp_path: Path, stack: str) -> None:
    with pytest.raises(SpecError, match="expected a stack name"):
        stack_file(stack, tmp_path)
