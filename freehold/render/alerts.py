"""Alert rules of Prometheus for a stack's nodes, as data."""

from __future__ import annotations

from typing import Any

DISKS = "/|/var|/var/lib|/var/lib/freehold"
HOT = "hardware|thermal_software|thermal_hardware|power_brake"
WARN_OF_DAYS = 0.75
"""Of the days after which a server does not start any more (verified_within_days)."""
_SLOW = "llamacpp:predicted_tokens_seconds"


def alert_rules(verified_within_days: int) -> dict[str, Any]:
    """A rules file; whatever a rule asks for is written by freehold:telemetry or node_exporter."""
    verified = "freehold_weights_verified_timestamp_seconds"
    deadline = "freehold_lease_deadline_timestamp_seconds"
    late_s = int(verified_within_days * WARN_OF_DAYS * 86_400)
    rules = [
        _rule("NodeDown", 'up{job="freehold-node"} == 0', "2m", "critical", "does not answer"),
        _rule("ServerDown", "freehold_server_up == 0", "5m", "critical", "its server is not ready"),
        _rule(
            "TelemetryStale",
            "time() - freehold_telemetry_timestamp_seconds > 300",
            "2m",
            "warning",
            "its metrics are not written any more",
        ),
        _rule(
            "GpuHeldBack",
            f'max by (instance, gpu, reason) (freehold_gpu_held_back{{reason=~"{HOT}"}}) == 1',
            "5m",
            "warning",
            "GPU {{ $labels.gpu }} is held back: {{ $labels.reason }}",
        ),
        _rule(
            "NvidiaSmiDown",
            "freehold_nvidia_smi_up == 0",
            "2m",
            "critical",
            "nvidia-smi does not answer",
        ),
        _rule(
            "Slow",
            f"llamacpp:requests_processing > 0 and {_SLOW} > 0 "
            f"and {_SLOW} < 0.5 * quantile_over_time(0.5, {_SLOW}[7d])",
            "30m",
            "warning",
            "its answers come half as fast as they used to, or slower",
        ),
        _rule(
            "RequestsWait",
            "min_over_time(llamacpp:requests_deferred[10m]) > 0",
            "5m",
            "warning",
            "requests have waited for a slot for a quarter of an hour",
        ),
        _rule(
            "DiskFull",
            f'node_filesystem_avail_bytes{{mountpoint=~"{DISKS}"}} / node_filesystem_size_bytes '
            "< 0.05",
            "10m",
            "warning",
            "{{ $labels.mountpoint }} has {{ $value | humanizePercentage }} left",
        ),
        _rule(
            "WeightsUnverified",
            f"time() - {verified} > {late_s}",
            "1h",
            "warning",
            "{{ $labels.set }} was not read whole for too long: soon its server will not start",
        ),
        _rule(
            "WeightsDamaged",
            "freehold_weights_bad_pieces > 0",
            "0m",
            "critical",
            "{{ $value }} pieces of {{ $labels.set }} are bad: fab weights.sync",
        ),
        _rule(
            "LeaseEnds",
            f"{deadline} - time() < 3600 and {deadline} - time() > 0",
            "0m",
            "warning",
            "its lease ends in {{ $value | humanizeDuration }}: fab lease.renew",
        ),
        _rule(
            "LeaseIsOver",
            f"time() - {deadline} > 600",
            "0m",
            "critical",
            "its lease is over and it still runs: fab lease.end",
        ),
    ]
    return {"groups": [{"name": "freehold", "rules": rules}]}


def _rule(name: str, expression: str, for_: str, severity: str, summary: str) -> dict[str, Any]:
    return {
        "alert": f"Freehold{name}",
        "expr": expression,
        "for": for_,
        "labels": {"severity": severity},
        "annotations": {"summary": "{{ $labels.instance }}: " + summary},
    }
