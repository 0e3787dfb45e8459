"""Host keys from a console: the last whole block's, decoded, and nothing that is not one."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from freehold.rent.aws import AwsError
from freehold.rent.host_keys import BEGIN, END, NoHostKeysError, host_keys, parsed
from freehold.rent.launched import UnfinishedError
from freehold.rent.pin import pin
from tests.aws.host_key import console_text, host_key
from tests.aws.world import World
from tests.rent.leftovers import never
from tests.rent.stage import Stage, staged


def key(name: str) -> str:
    """The ed25519 key of that name, without its comment."""
    return " ".join(host_key(name).split()[:2])


def block(*lines: str) -> str:
    return "\n".join([BEGIN, *lines, END, ""])


def test_the_key_of_a_boot_is_found_as_cloud_init_prints_it() -> None:
    assert parsed(console_text("a")) == (key("a"),)


def test_a_console_without_a_block_has_no_keys() -> None:
    assert parsed("") == ()
    assert parsed("[    0.0] Linux version 6.8\r\n") == ()


def test_a_block_that_is_cut_off_at_either_end_is_none() -> None:
    whole = block(host_key("a"))
    assert parsed(whole[: whole.index(END)]) == ()
    assert parsed(whole[whole.index("\n") :]) == ()
    assert parsed(whole[: whole.index(END) + 10]) == ()


def test_of_two_boots_the_last_one_counts() -> None:
    assert parsed(block(host_key("a")) + "reboot\n" + block(host_key("b"))) == (key("b"),)


def test_a_second_boot_that_has_not_come_so_far_leaves_the_first_ones_keys() -> None:
    assert parsed(block(host_key("a")) + f"{BEGIN}\n{host_key('b')}\n") == (key("a"),)


def test_a_last_block_with_nothing_in_it_does_not_hide_the_one_before() -> None:
    assert parsed(block(host_key("a")) + block("sorry")) == (key("a"),)


def test_a_block_that_begins_twice_begins_at_the_second() -> None:
    assert parsed(f"{BEGIN}\n{host_key('a')}\n{block(host_key('b'))}") == (key("b"),)


def test_markers_of_other_things_are_not_ours() -> None:
    other = (
        "-----BEGIN SSH HOST KEY FINGERPRINTS-----\n{}\n-----END SSH HOST KEY FINGERPRINTS-----\n"
    )
    assert parsed(other.format(host_key("a"))) == ()
    assert parsed(other.format(host_key("a")) + block(host_key("b"))) == (key("b"),)


def test_what_else_is_written_to_a_console_at_the_same_time_is_left_out() -> None:
    noise = "[   31.1] EXT4-fs (nvme0n1p1): mounted"
    assert parsed(block(noise, host_key("a"), "[  OK  ] Reached target ssh.target")) == (key("a"),)


def test_a_key_that_is_written_into_is_no_key() -> None:
    good = host_key("a")
    for wrong in (
        good[:40] + "[   31.1] EXT4-fs" + good[40:],
        good[:60],
        good.replace("ssh-ed25519", "ssh-rsa"),
        good.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
        f"cert-authority {good}",
        f"* {good}",
        f"@revoked * {good}",
        good.replace("AAAA", "AAAB", 1),
    ):
        assert parsed(block(wrong)) == (), wrong


def test_keys_of_all_the_types_that_ssh_offers_are_taken_and_others_not() -> None:
    def line(public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
        return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    curve = line(ec.generate_private_key(ec.SECP256R1()).public_key())
    old = line(rsa.generate_private_key(65537, 2048).public_key())
    unknown = "ssh-dss AAAAB3NzaC1kc3MAAACBAKY="
    assert parsed(block(unknown, curve, host_key("a"), old)) == (curve, key("a"), old)


def test_a_key_has_no_comment_that_could_say_something_else() -> None:
    line = f"{key('a')} root@ip-10-0-0-1 command=x"
    assert parsed(block(line)) == (key("a"),)


def test_the_same_key_twice_is_one() -> None:
    assert parsed(block(host_key("a"), key("a"))) == (key("a"),)


@given(st.text() | st.lists(st.sampled_from([BEGIN, END, host_key("a"), "x"])).map("\n".join))
def test_nothing_but_whole_keys_ever_comes_of_a_console(text: str) -> None:
    assert set(parsed(text)) <= {key("a")}


@given(st.binary(max_size=60))
def test_bytes_that_are_no_key_are_never_one(noise: bytes) -> None:
    assert parsed(block(f"ssh-ed25519 AAAA{base64.b64encode(noise).decode()}")) == ()


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    return staged(world, tmp_path)


def pinned(stage: Stage, **more: object) -> object:
    return pin(
        stage.world.aws(),
        stage.book,
        stage.lease,
        stage.launch(),
        "ubuntu",
        stage.said.append,
        clock=stage.world.clock,
        pause=stage.pause,
        **more,  # type: ignore[arg-type]
    )


def test_a_console_is_asked_until_it_shows_the_key(world: World, stage: Stage) -> None:
    world.calls_until_console = 4
    made = stage.launch()
    found = host_keys(world.aws(), made.region, made.instance_id, pause=never)
    assert found == (key(made.instance_id),)
    assert len(stage.calls("GetConsoleOutput")) == 5
    assert all(call.parameters["Latest"] for call in stage.calls("GetConsoleOutput"))


def test_a_type_whose_console_comes_later_is_asked_without_latest(
    world: World, stage: Stage
) -> None:
    world.faults.add(
        "GetConsoleOutput",
        "UnsupportedOperation",
        times=None,
        where=lambda call: bool(call.parameters.get("Latest")),
    )
    made = stage.launch()
    found = host_keys(world.aws(), made.region, made.instance_id, pause=never)
    assert found == (key(made.instance_id),)


def test_the_keys_are_noted_with_how_the_instance_is_reached(stage: Stage) -> None:
    reach = pinned(stage)
    (machine,) = stage.world.machines()
    assert stage.record.reach == reach
    assert stage.record.reach is not None
    assert stage.record.reach.host_keys == (key(machine.id),)
    assert (stage.record.reach.address, stage.record.reach.user) == (machine.address, "ubuntu")


def test_keys_that_are_noted_are_not_asked_for_again(stage: Stage) -> None:
    first = pinned(stage)
    stage.world.set_console(stage.billing[0], block(host_key("of somebody else")))
    assert pinned(stage) == first
    assert stage.acts.count("reached") == 1
    assert len(stage.calls("GetConsoleOutput")) == 1


def test_an_instance_that_shows_no_key_is_ended_with_what_it_showed(stage: Stage) -> None:
    stage.world.on_launch = lambda instance: stage.world.set_console(
        instance, "GRUB\r\nerror: \x1b[31mno such device\r\n"
    )
    with pytest.raises(NoHostKeysError) as caught:
        pinned(stage)
    assert "GRUB\n  error: ?[31mno such device" in str(caught.value)
    assert 600 <= sum(stage.paused_s) < 660
    assert stage.billing == ()
    assert stage.record.live == ()
    waits = [line for line in stage.said if "waiting for its host key" in line]
    assert len(waits) == 20  # one every half minute


def test_an_instance_that_ended_itself_is_not_waited_for(stage: Stage) -> None:
    """As one does on which the switch could not be placed."""
    stage.world.on_launch = lambda instance: stage.world.set_console(instance, "no lease\n")
    made = stage.launch()
    stage.world.faults.add(
        "GetConsoleOutput", do=lambda _: stage.world.instance_powered_off(made.instance_id)
    )
    with pytest.raises(NoHostKeysError, match="no lease"):
        pinned(stage)
    assert sum(stage.paused_s) < 60
    assert stage.record.live == ()


def test_a_wait_that_is_cancelled_names_the_instance_that_goes_on(stage: Stage) -> None:
    stage.world.on_launch = lambda instance: stage.world.set_console(instance, None)
    with pytest.raises(UnfinishedError) as caught:
        pinned(stage, is_cancelled=lambda: True)
    assert (caught.value.instance_id,) == stage.billing


def test_a_console_that_may_not_be_read_is_said_and_the_instance_stays(stage: Stage) -> None:
    stage.world.faults.add("GetConsoleOutput", "UnauthorizedOperation", times=None)
    with pytest.raises(AwsError, match="UnauthorizedOperation"):
        pinned(stage)
    assert len(stage.billing) == 1
