"""A Grafana dashboard of a stack's nodes, as data."""

from __future__ import annotations

from typing import Any

_WIDTH, _HEIGHT = 12, 8
# Title, unit of Grafana's, and the queries with their legends.
PANELS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Requests",
        "short",
        (
            ("llamacpp:requests_processing", "{{instance}} answered"),
            ("llamacpp:requests_deferred", "{{instance}} waiting"),
        ),
    ),
    (
        "Tokens a second",
        "short",
        (
            ("rate(llamacpp:tokens_predicted_total[1m])", "{{instance}} answers"),
            ("rate(llamacpp:prompt_tokens_total[1m])", "{{instance}} prompts"),
        ),
    ),
    ("GPU use", "percent", (("freehold_gpu_utilization_percent", "{{instance}} {{gpu}}"),)),
    (
        "GPU memory",
        "percentunit",
        (
            (
                "freehold_gpu_memory_used_mib / freehold_gpu_memory_total_mib",
                "{{instance}} {{gpu}}",
            ),
        ),
    ),
    (
        "Temperatures",
        "celsius",
        (
            ("freehold_gpu_celsius", "{{instance}} GPU {{gpu}}"),
            ("max by (instance, chip) (node_hwmon_temp_celsius)", "{{instance}} {{chip}}"),
        ),
    ),
    (
        "GPU power",
        "watt",
        (
            ("freehold_gpu_watts", "{{instance}} {{gpu}}"),
            ("freehold_gpu_limit_watts", "{{instance}} {{gpu}} limit"),
        ),
    ),
    ("Held back", "short", (("freehold_gpu_held_back > 0", "{{instance}} {{gpu}} {{reason}}"),)),
    (
        "Disks read",
        "Bps",
        (("rate(node_disk_read_bytes_total[1m])", "{{instance}} {{device}}"),),
    ),
    (
        "Memory available",
        "bytes",
        (("node_memory_MemAvailable_bytes", "{{instance}}"),),
    ),
    (
        "Weights last read whole, days ago",
        "d",
        (
            (
                "(time() - freehold_weights_verified_timestamp_seconds) / 86400",
                "{{instance}} {{set}}",
            ),
        ),
    ),
)


def dashboard(stack: str) -> dict[str, Any]:
    """Its import asks for the Prometheus that it shows."""
    return {
        "__inputs": [
            {
                "name": "DS_PROMETHEUS",
                "label": "Prometheus",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "title": f"Freehold: {stack}",
        "uid": f"freehold-{stack}"[:40],
        "schemaVersion": 38,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "tags": ["freehold"],
        "panels": [_panel(index, *panel) for index, panel in enumerate(PANELS)],
    }


def _panel(
    index: int, title: str, unit: str, queries: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    row, column = divmod(index, 2)
    targets = [
        {
            "refId": chr(ord("A") + number),
            "expr": query,
            "legendFormat": legend,
            "datasource": source,
        }
        for number, (query, legend) in enumerate(queries)
    ]
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "targets": targets,
    }
