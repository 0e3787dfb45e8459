"""The files by which a Prometheus and a Grafana of your own watch a stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from freehold.render.alerts import alert_rules
from freehold.render.dashboard import dashboard

SCRAPE, ALERTS, DASHBOARD = "prometheus.yml", "freehold-alerts.yml", "freehold-dashboard.json"
NODE_EXPORTER, DCGM_EXPORTER = 9100, 9400
_MADE = "# Written by `fab node.telemetry`; written anew it loses what was changed here.\n"


def telemetry_files(
    stack: str, addresses: Mapping[str, str], verified_within_days: int, with_dcgm: bool
) -> dict[str, str]:
    """Each file's text by its name; `addresses` are the nodes' by their names."""
    jobs = [_job("freehold-node", addresses, NODE_EXPORTER)]
    if with_dcgm:
        jobs.append(_job("freehold-dcgm", addresses, DCGM_EXPORTER))
    scrape = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": [ALERTS],
        "scrape_configs": jobs,
    }
    return {
        SCRAPE: _MADE + yaml.safe_dump(scrape, sort_keys=False),
        ALERTS: _MADE + yaml.safe_dump(alert_rules(verified_within_days), sort_keys=False),
        DASHBOARD: json.dumps(dashboard(stack), indent=1) + "\n",
    }


def _job(name: str, addresses: Mapping[str, str], port: int) -> dict[str, Any]:
    targets = [
        {"targets": [_target(address, port)], "labels": {"instance": node}}
        for node, address in addresses.items()
    ]
    return {"job_name": name, "static_configs": targets}


def _target(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
