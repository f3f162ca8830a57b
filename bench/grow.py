"""A database that has been used for long, made in a minute: sessions with all that hangs on them, by plain SQL.

Used by `bench.growth`, and by the test that looks for scans.
"""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

PER_USER = 20
"""Sessions of one user."""

GROWING = (
    "set session_replication_role = replica",
    "set synchronous_commit = off",
    "set maintenance_work_mem = '512MB'",
    # Made anew at the end, which is much quicker than row by row.
    "drop index public.stories_by_words, public.session_messages_by_words",
    """
    create temporary table grown as
    select n, gen_random_uuid() as id, null::uuid as user_id,
      (array['completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'failed', 'cancelled',
             'expired', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed',
             'paused', 'awaiting_approval'])[1 + n %% 20] as status,
      now() - n * interval '10 minutes' as at
    from generate_series(1, %(sessions)s) n
    """,
    """
    with made as (
      insert into auth.users (id) select gen_random_uuid() from generate_series(1, 1 + %(sessions)s / %(per_user)s) returning id
    ), numbered as (select id, row_number() over () - 1 as n from made)
    update grown set user_id = numbered.id from numbered where numbered.n = grown.n / %(per_user)s
    """,
    "insert into public.profiles (id) select distinct user_id from grown on conflict do nothing",
    """
    insert into public.story_sessions
      (id, user_id, kind, title, prompt, template, status, config, progress, model, request_id, epoch, message_count,
       draft_count, draft_version, tokens, ttl_s, created_at, updated_at, last_activity_at, queued_at, expires_at)
    select id, user_id, 'story', 'The ' || word(n) || ' of the ' || word(n / 7), 'A ' || word(n * 3) || ' finds a ' || word(n * 5)
      || ' that answers, number ' || n, 'short-story', status, '{"pages": 3}', '{"percent": 100}', 'offline:storyteller',
      'grown-' || n, 1, %(messages)s, 2, 2, 4000, 7200, at - interval '5 minutes', at, at, at, now() + interval '1 day'
    from grown
    """,
    """
    insert into public.session_messages (id, session_id, user_id, seq, role, agent, step, content, model, tokens, created_at)
    select gen_random_uuid(), g.id, g.user_id, seq, case seq when 1 then 'user' else 'assistant' end,
      case seq when 1 then null else 'writer' end, 'step-' || seq,
      case seq when 1 then 'A ' || word(n * 3) || ' finds a ' || word(n * 5) || ' that answers, number ' || n
        else left(repeat(word(n + seq) || ' and the ' || word(n * seq) || ' said nothing more. ', 40), 800) end,
      'offline:storyteller', 80, g.at - interval '5 minutes' + seq * interval '5 seconds'
    from grown g cross join generate_series(1, %(messages)s) seq
    """,
    """
    insert into public.session_steps
      (session_id, user_id, step, position, stage, agent, status, started_at, finished_at, duration_ms, tokens, epoch, output)
    select g.id, g.user_id, 'step-' || place, place, 'drafting', 'writer', 'done', g.at, g.at, 4000, 80, 1, '{"approved": true}'
    from grown g cross join generate_series(1, %(messages)s - 1) place
    """,
    """
    insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq, payload, at)
    select g.id, g.user_id, seq, 1,
      (array['step.started', 'agent.state', 'agent.state', 'agent.message', 'usage', 'progress', 'step.finished'])[1 + seq %% 7],
      case seq %% 7 when 3 then 1 + seq / 7 end,
      case seq %% 7 when 3 then '{}'::jsonb
        else jsonb_build_object('step', 'step-' || 1 + seq / 7, 'agent', 'writer', 'stage', 'drafting', 'tokens', seq * 80) end, g.at
    from grown g cross join generate_series(1, (%(messages)s - 1) * 7) seq
    """,
    """
    insert into public.session_drafts (session_id, user_id, version, current, author, content, word_count)
    select g.id, g.user_id, version, version = 2, 'writer',
      repeat('The ' || word(n + version) || ' was a ' || word(n) || ' before. ', 150), 900
    from grown g cross join generate_series(1, 2) version
    """,
    """
    insert into public.stories (session_id, user_id, title, content, word_count, version, template, model)
    select g.id, g.user_id, s.title, d.content, d.word_count, 2, s.template, s.model
    from grown g join public.story_sessions s on s.id = g.id
    join public.session_drafts d on d.session_id = g.id and d.current where g.status = 'completed'
    """,
    "create index session_messages_by_words on public.session_messages using gin (public.search_words(content)) where seq = 1",
    "create index stories_by_words on public.stories using gin (public.search_words(title || ' ' || content))",
    "alter index public.session_messages_by_words alter column 1 set statistics 0",
    "alter index public.stories_by_words alter column 1 set statistics 0",
    "drop table grown",
    "reset session_replication_role",
    "reset synchronous_commit",
    "reset maintenance_work_mem",
    "vacuum analyze",
)
WORD = """
create or replace function pg_temp.word(n bigint) returns text language sql immutable as $$
  select (array['lamp', 'keeper', 'harbour', 'letter', 'winter', 'engine', 'garden', 'mirror', 'archive', 'orchard', 'signal',
    'ledger', 'ferry', 'compass', 'cellar', 'violin', 'thread', 'lantern', 'atlas', 'glacier'])[1 + n % 20] || (n / 20 % 50)
$$
"""


async def grow(connection: AsyncConnection[Any], sessions: int, messages: int) -> None:
    """As the owner of the tables, on a connection that commits each statement."""
    await connection.execute(WORD)
    for statement in GROWING:
        text = statement.replace("word(", "pg_temp.word(")
        values = {"sessions": sessions, "messages": messages, "per_user": PER_USER}
        await connection.execute(text, values if "%" in text else None)
