"""Day two: tasks on all nodes of a stack, or on those of -H, in parallel."""

from fabric.main import program
from invoke.collection import Collection

from playbooks import engine, lab, node, service, size, weights
from playbooks.executor import NodesExecutor, ending_with_its_reader

# Fabric runs a task once a host, one after the other; ours take all hosts and run in parallel.
program.executor_class = NodesExecutor
program.list_tasks = ending_with_its_reader(program.list_tasks)

namespace = Collection()
for module in (size, weights, engine, service, node, lab):
    namespace.add_collection(Collection.from_module(module))
