"""Day two: tasks on all nodes of a stack, or on those of -H, in parallel."""

from fabric.main import program
from invoke.collection import Collection

from playbooks import (
    custody,
    driver,
    engine,
    engine_build,
    fetch,
    keys,
    lab,
    lease_audit,
    leases,
    mac,
    node,
    rent_policy,
    rent_quote,
    rent_run,
    service,
    size,
    store,
    telemetry,
    tools,
    top,
    weights,
    wipe,
)
from playbooks.executor import NodesExecutor, ending_with_its_reader

# Fabric runs a task once a host, one after the other; ours take all hosts and run in parallel.
program.executor_class = NodesExecutor
program.list_tasks = ending_with_its_reader(program.list_tasks)

namespace = Collection()
for module in (size, weights, engine, service, node, driver, lab):
    namespace.add_collection(Collection.from_module(module))
for of_nodes in (top.top, telemetry.telemetry, mac.launchd):
    namespace.collections["node"].add_task(of_nodes)
namespace.add_collection(_rent := Collection("rent"))
namespace.add_collection(Collection.from_module(leases, "lease"))
namespace.add_collection(Collection.from_module(keys, "key"))
for of_weights in (
    fetch.fetch,
    custody.sign,
    custody.export,
    custody.where,
    custody.report,
    wipe.wipe_weights,
):
    namespace.collections["weights"].add_task(of_weights)
for of_weights in (store.remove, store.gc, store.bucket, tools.tools):
    namespace.collections["weights"].add_task(of_weights)
for of_engines in (engine_build.build, custody.sign_engine, store.remove_engine):
    namespace.collections["engine"].add_task(of_engines)
for of_rent in (rent_quote.quote, rent_run.run, rent_policy.policy):
    _rent.add_task(of_rent)
for of_leases in (lease_audit.audit, lease_audit.reap_all):
    namespace.collections["lease"].add_task(of_leases)
