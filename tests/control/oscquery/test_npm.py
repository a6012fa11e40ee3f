"""Other people's OSCQuery, WebSocket and OSC in JavaScript."""

import asyncio
import json

import pytest
from control.test_foreign import NODE, PROGRAM

from daemon.control.table import leaves
from daemon.flow import Traits

PATIENCE = 20.0  # s


@pytest.mark.skipif(
    not (PROGRAM and all((NODE / "node_modules" / name).is_dir() for name in ("oscquery", "ws"))),
    reason="node, oscquery and ws are not installed (with node: npm ci in tests/control/node)",
)
async def test_npm_oscquery_reads_the_tree_and_ws_with_node_osc_sets_and_hears_values(it):
    pipe = asyncio.subprocess.PIPE
    node = await asyncio.create_subprocess_exec(
        PROGRAM, str(NODE / "querier.mjs"), str(it.server.port), stdin=pipe, stdout=pipe, limit=1 << 20
    )

    def say(**what):
        node.stdin.write(json.dumps(what).encode() + b"\n")

    async def until(name, *values):
        async with asyncio.timeout(PATIENCE):
            while line := await node.stdout.readline():
                got, *args = json.loads(line)
                assert got != "error", args
                if got == name and (not values or args == list(values)):
                    return args
            raise AssertionError(f"node left before it told {name}")

    try:
        (host,) = await until("host")
        assert (host["name"], host["oscPort"], host["wsPort"]) == ("latentd", it.rig.port, it.server.port)
        (methods,) = await until("methods")
        assert set(methods) == {row.address for row in it.rig.desk.table} | set(leaves(it.rig.desk.table))
        read = {name: methods[f"/latentd/{name}"] for name in ("psi", "gate", "gate/hold", "preset", "preset/next")}
        assert read["psi"]["arguments"] == [{"type": "f", "range": {"min": 0, "max": 1.5}, "value": 1}]
        assert read["gate"]["arguments"][0]["value"] == -55  # which stands over others, too
        assert read["preset"]["arguments"][0]["range"]["vals"] == ["still", "storm", "sudden"]
        assert (read["preset"]["critical"], read["preset"]["tags"]) == (True, ["presets"])
        assert (read["preset/next"]["access"], read["preset/next"]["arguments"]) == (2, [{"type": "I"}])
        await until("open")
        for name, value in (("psi", 1.0), ("mapper", "mel"), ("freeze", False), ("seed", 0), ("cluster/calm", 0.0)):
            say(command={"COMMAND": "LISTEN", "DATA": f"/latentd/{name}"})
            await until(f"/latentd/{name}", value)
        it.rig.send("/latentd/psi", 0.25)
        await until("/latentd/psi", 0.25)
        say(message=["/latentd/preset", "sudden"])
        await it.rig.listener.until("/latentd/state/preset", "sudden")
        await until("/latentd/psi", 1.0)
        it.rig.desk.fit(("warm",), Traits(), "other")
        news = [(await until("news"))[0] for _ in range(5)]
        assert [(one["COMMAND"], one["DATA"].removeprefix("/latentd/")) for one in news] == [
            ("PATH_REMOVED", "cluster/aggressive"), ("PATH_REMOVED", "cluster/calm"),
            ("PATH_REMOVED", "cluster/vibrant"), ("PATH_ADDED", "cluster/warm"), ("PATH_CHANGED", "cluster"),
        ]  # fmt: skip
        say(again=True)
        (methods,) = await until("methods")
        assert "/latentd/cluster/warm" in methods
    finally:
        node.stdin.close()  # it ends then
        await node.wait()
