"""Real logs of the engine are read to the byte that they print; each case is a log and its sum."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from freehold.account.account import Account, AccountError
from freehold.account.log import read_account
from freehold.sizing.wishes import MIB

CASES = sorted(Path(__file__).with_name("cases").glob("*.log"))


def summed(account: Account) -> str:
    """An account as its case file has it, in MiB."""
    layers = Counter(account.layers or ())
    where = ", ".join(f"{count} on {name}" for name, count in layers.items()) or "not said"
    moved = "not said" if account.overridden is None else len(account.overridden)
    lines = [
        "dry" if account.is_dry else "loaded",
        f"{account.cells} cells, {account.context_tokens} tokens for each of {account.slots} slots",
        f"batches {account.batch_tokens}, {account.ubatch_tokens}",
        f"layers: {where}",
        f"overridden: {moved}",
        f"compute may be off by {account.compute_error_bytes / MIB:.2f}",
    ]
    for device in account.devices:
        sizes = {
            "model": device.model_bytes,
            "mapped": device.mapped_bytes,
            "KV": device.kv_bytes,
            "indexer": device.indexer_kv_bytes,
            "output": device.output_bytes,
            "compute": device.compute_bytes,
            "memory": device.memory_bytes or 0,
        }
        lines.append(
            f"{device.name}: "
            + ", ".join(f"{what} {size / MIB:.2f}" for what, size in sizes.items())
        )
    return "\n".join(lines) + "\n"


def case(name: str) -> str:
    return Path(__file__).with_name("cases").joinpath(f"{name}.log").read_text()


@pytest.mark.parametrize("log", CASES, ids=lambda path: path.stem)
def test_a_real_log_adds_up_to_what_its_case_says(log: Path) -> None:
    assert summed(read_account(log.read_text(), log.name)) == log.with_suffix(".txt").read_text()


def test_what_precedes_a_line_is_of_no_matter() -> None:
    log = case("loaded_from_three_shards")
    in_journal = "\n".join(f"Nov 23 box llama-server[12]: {line}" for line in log.splitlines())
    assert read_account(in_journal, "journal") == read_account(log, "log")


def test_the_last_start_counts() -> None:
    first, last = case("loaded_on_the_cpu_alone"), case("loaded_from_three_shards")
    assert read_account(first + last, "log") == read_account(last, "log")


def test_a_log_without_buffers_says_which_verbosity_has_them() -> None:
    quiet = [line for line in case("loaded_from_three_shards").splitlines() if "size =" not in line]
    with pytest.raises(AccountError) as caught:
        read_account("\n".join(quiet), "journal of box-1")
    assert str(caught.value) == (
        "journal of box-1: expected the engine's account of its buffers, found none\n"
        "Hint: it prints them with --verbosity 4"
    )


def test_a_buffer_of_an_unknown_kind_is_no_absent_one() -> None:
    log = case("loaded_from_three_shards")
    line = "llama_new_thing: CPU surprise buffer size =    12.00 MiB"
    with pytest.raises(
        AccountError, match=r"^log:\d+: expected a known kind of buffer, got '.*surp"
    ):
        read_account(f"{log}\n{line}\n", "log")


def test_a_buffer_of_a_device_that_is_not_in_use_is_refused() -> None:
    log = case("loaded_from_three_shards").replace("CPU_Mapped", "NPU3")
    with pytest.raises(AccountError, match=r"in use \(RPC0, RPC1, host\), got 'NPU3'"):
        read_account(log, "log")


def test_a_context_that_says_nothing_of_itself_is_refused() -> None:
    log = case("loaded_from_three_shards").replace("n_ubatch", "n_microbatch")
    with pytest.raises(AccountError, match="expected llama_context to say 'n_ubatch'"):
        read_account(log, "log")


@pytest.mark.parametrize(
    ("buffer", "device"),
    [
        ("CUDA0", "CUDA0"),
        ("CUDA0_Split", "CUDA0"),
        ("CUDA_Host", "host"),
        ("CPU_REPACK", "host"),
        ("CPU_Mapped", "host"),
    ],
)
def test_every_buffer_of_a_back_end_counts_for_its_device(buffer: str, device: str) -> None:
    # No box here has such a card: the names are those of its back end's get_name functions.
    log = case("loaded_on_the_cpu_alone")
    card = (
        "llama_prepare_model_devices: using device CUDA0 (H100) (0000:01:00.0) - 80000 MiB free\n"
    )
    begin = log.index("llama_prepare") if "llama_prepare" in log else log.index("load_tensors")
    log = log[:begin] + card + log[begin:].replace("  CPU_Mapped model", f"  {buffer} model")
    held = read_account(log, "log").device(device)
    assert held is not None
    assert held.model_bytes > 60 * MIB


def test_layers_of_unequal_size_are_told_by_the_table() -> None:
    log = case("dry_glm_5_2_experts_in_ram")
    assert "9130 +    1536 +" in log
    unequal = log.replace("9130 +    1536 +", "9130 +    1600 +")
    known, changed = (read_account(text, "log").device("RPC0") for text in (log, unequal))
    assert known is not None
    assert changed is not None
    assert changed.kv_bytes - known.kv_bytes == 64 * MIB
