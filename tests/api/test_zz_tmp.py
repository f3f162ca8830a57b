import time, asyncio
from tests.api.test_taking_part import *
async def test_x(settings):
    t0=time.monotonic()
    def p(x): print(f"{time.monotonic()-t0:6.2f} {x}")
    async with two_nodes(settings) as (first, second):
        p("up")
        async with first.socket() as here, second.socket() as there:
            session_id = await here.start(pages=1, approvals=["outline"])
            asked = await gate(here, session_id); p("gate")
            await there.send(type="session.attach", session_id=session_id)
            await there.until("session.snapshot"); p("snap")
            await there.send(type="session.approve", session_id=session_id, step=asked["step"], approved=True)
            f=await here.until("session.status", session_id=session_id, reason="approved"); p("approved here")
            f=await here.until("session.status", session_id=session_id); p(f)
            f=await here.until("step.started", session_id=session_id); p(f)
            await here.until_finished(session_id); p("here done")
            await there.until_finished(session_id); p("there done")
        p("closed sockets")
    p("down")
