-- What was written stays: a session that comes to an end or a pause keeps the text so far as a version.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129000600' $$;

-- -- How long a text is ------------------------------------------------------------------------------------------------

create or replace function public.count_words(p_text text) returns integer
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  spaces constant text := '\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000';
  single constant text := '\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d';
  unspaced constant text := '\u0e01-\u0e4e\u0e81-\u0eae\u0ec0-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1780-\u17d3';
  -- By code points, because what a class like [[:alnum:]] holds depends on the database's locale.
  neither_letter_nor_digit constant text :=
    '\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7'
    '\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02eb\u02ed\u02ef-\u036f\u0375\u037e\u0384\u0385\u0387\u03f6\u0482-\u0489'
    '\u055a-\u055f\u0589-\u05c7\u05f3-\u061f\u064b-\u065f\u066a-\u066d\u0670\u06d4\u06d6-\u06e4\u06e7-\u06ed'
    '\u06fd\u06fe\u0700-\u070f\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-\u07f3\u07f6-\u07f9\u07fd-\u07ff\u0816-\u0819'
    '\u081b-\u0823\u0825-\u0827\u0829-\u083e\u0859-\u085e\u0888\u0890-\u089f\u08ca-\u0903\u093a-\u093c\u093e-\u094f'
    '\u0951-\u0957\u0962-\u0965\u0970\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u09e2\u09e3\u09f2\u09f3\u09fa\u09fb'
    '\u09fd-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a75-\u0a83\u0abc\u0abe-\u0acd\u0ae2\u0ae3\u0af0\u0af1\u0afa-\u0b03'
    '\u0b3c\u0b3e-\u0b57\u0b62\u0b63\u0b70\u0b82\u0bbe-\u0bcd\u0bd7\u0bf3-\u0c04\u0c3c\u0c3e-\u0c56\u0c62\u0c63\u0c77'
    '\u0c7f\u0c81-\u0c84\u0cbc\u0cbe-\u0cd6\u0ce2\u0ce3\u0d00-\u0d03\u0d3b\u0d3c\u0d3e-\u0d4d\u0d4f\u0d57\u0d62\u0d63'
    '\u0d79\u0d81-\u0d83\u0dca-\u0ddf\u0df2-\u0df4\u0e31\u0e34-\u0e3f\u0e47-\u0e4f\u0e5a\u0e5b\u0eb1\u0eb4-\u0ebc'
    '\u0ec8-\u0ecd\u0f01-\u0f1f\u0f34-\u0f3f\u0f71-\u0f87\u0f8d-\u0fda\u102b-\u103e\u104a-\u104f\u1056-\u1059'
    '\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109f\u10fb\u135d-\u1368'
    '\u1390-\u1399\u1400\u166d\u166e\u169b\u169c\u16eb-\u16ed\u1712-\u1715\u1732-\u1736\u1752\u1753\u1772\u1773'
    '\u17b4-\u17d6\u17d8-\u17db\u17dd\u1800-\u180f\u1885\u1886\u18a9\u1920-\u1945\u19de-\u19ff\u1a17-\u1a1f'
    '\u1a55-\u1a7f\u1aa0-\u1aa6\u1aa8-\u1b04\u1b34-\u1b44\u1b5a-\u1b82\u1ba1-\u1bad\u1be6-\u1bff\u1c24-\u1c3f'
    '\u1c7e\u1c7f\u1cc0-\u1ce8\u1ced\u1cf4\u1cf7-\u1cf9\u1dc0-\u1dff\u1fbd\u1fbf-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf'
    '\u1fed-\u1fef\u1ffd-\u206f\u207a-\u207e\u208a-\u208e\u20a0-\u2101\u2103-\u2106\u2108\u2109\u2114\u2116-\u2118'
    '\u211e-\u2123\u2125\u2127\u2129\u212e\u213a\u213b\u2140-\u2144\u214a-\u214d\u214f\u218a-\u244a\u249c-\u24e9'
    '\u2500-\u2775\u2794-\u2bff\u2ce5-\u2cea\u2cef-\u2cf1\u2cf9-\u2cfc\u2cfe\u2cff\u2d70-\u2d7f\u2de0-\u2e2e'
    '\u2e30-\u3004\u3008-\u3020\u302a-\u3030\u3036\u3037\u303d-\u303f\u3099-\u309c\u30a0\u30fb\u3190\u3191'
    '\u3196-\u319f\u31c0-\u31e3\u3200-\u321e\u322a-\u3247\u3250\u3260-\u327f\u328a-\u32b0\u32c0-\u33ff\u4dc0-\u4dff'
    '\ua490-\ua4c6\ua4fe\ua4ff\ua60d-\ua60f\ua66f-\ua67e\ua69e\ua69f\ua6f0-\ua716\ua720\ua721\ua789\ua78a\ua802\ua806'
    '\ua80b\ua823-\ua82c\ua836-\ua839\ua874-\ua881\ua8b4-\ua8cf\ua8e0-\ua8f1\ua8f8-\ua8fa\ua8fc\ua8ff\ua926-\ua92f'
    '\ua947-\ua95f\ua980-\ua983\ua9b3-\ua9cd\ua9de\ua9df\ua9e5\uaa29-\uaa36\uaa43\uaa4c\uaa4d\uaa5c-\uaa5f'
    '\uaa77-\uaa79\uaa7b-\uaa7d\uaab0\uaab2-\uaab4\uaab7\uaab8\uaabe\uaabf\uaac1\uaade\uaadf\uaaeb-\uaaf1\uaaf5\uaaf6'
    '\uab5b\uab6a\uab6b\uabe3-\uabed\ufb1e\ufb29\ufbb2-\ufbc2\ufd3e-\ufd4f\ufdcf\ufdfc-\ufe6b\ufeff-\uff0f'
    '\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\ufffd\U00010100-\U00010102\U00010137-\U0001013f'
    '\U00010179-\U00010189\U0001018c-\U000101fd\U000102e0\U00010376-\U0001037a\U0001039f\U000103d0\U0001056f'
    '\U00010857\U00010877\U00010878\U0001091f\U0001093f\U00010a01-\U00010a0f\U00010a38-\U00010a3f'
    '\U00010a50-\U00010a58\U00010a7f\U00010ac8\U00010ae5\U00010ae6\U00010af0-\U00010af6\U00010b39-\U00010b3f'
    '\U00010b99-\U00010b9c\U00010d24-\U00010d27\U00010eab-\U00010ead\U00010f46-\U00010f50\U00010f55-\U00010f59'
    '\U00010f82-\U00010f89\U00011000-\U00011002\U00011038-\U0001104d\U00011070\U00011073\U00011074'
    '\U0001107f-\U00011082\U000110b0-\U000110cd\U00011100-\U00011102\U00011127-\U00011134\U00011140-\U00011143'
    '\U00011145\U00011146\U00011173-\U00011175\U00011180-\U00011182\U000111b3-\U000111c0\U000111c5-\U000111cf'
    '\U000111db\U000111dd-\U000111df\U0001122c-\U0001123e\U000112a9\U000112df-\U000112ea\U00011300-\U00011303'
    '\U0001133b\U0001133c\U0001133e-\U0001134d\U00011357\U00011362-\U00011374\U00011435-\U00011446'
    '\U0001144b-\U0001144f\U0001145a-\U0001145e\U000114b0-\U000114c3\U000114c6\U000115af-\U000115d7'
    '\U000115dc\U000115dd\U00011630-\U00011643\U00011660-\U0001166c\U000116ab-\U000116b7\U000116b9'
    '\U0001171d-\U0001172b\U0001173c-\U0001173f\U0001182c-\U0001183b\U00011930-\U0001193e\U00011940'
    '\U00011942-\U00011946\U000119d1-\U000119e0\U000119e2\U000119e4\U00011a01-\U00011a0a\U00011a33-\U00011a39'
    '\U00011a3b-\U00011a47\U00011a51-\U00011a5b\U00011a8a-\U00011a9c\U00011a9e-\U00011aa2\U00011c2f-\U00011c3f'
    '\U00011c41-\U00011c45\U00011c70\U00011c71\U00011c92-\U00011cb6\U00011d31-\U00011d45\U00011d47'
    '\U00011d8a-\U00011d97\U00011ef3-\U00011ef8\U00011fd5-\U00011fff\U00012470-\U00012474\U00012ff1\U00012ff2'
    '\U00013430-\U00013438\U00016a6e\U00016a6f\U00016af0-\U00016af5\U00016b30-\U00016b3f\U00016b44\U00016b45'
    '\U00016e97-\U00016e9a\U00016f4f\U00016f51-\U00016f92\U00016fe2\U00016fe4-\U00016ff1\U0001bc9c-\U0001d245'
    '\U0001d300-\U0001d356\U0001d6c1\U0001d6db\U0001d6fb\U0001d715\U0001d735\U0001d74f\U0001d76f\U0001d789\U0001d7a9'
    '\U0001d7c3\U0001d800-\U0001daaf\U0001e000-\U0001e02a\U0001e130-\U0001e136\U0001e14f\U0001e2ae'
    '\U0001e2ec-\U0001e2ef\U0001e2ff\U0001e8d0-\U0001e8d6\U0001e944-\U0001e94a\U0001e95e\U0001e95f\U0001ecac'
    '\U0001ecb0\U0001ed2e\U0001eef0-\U0001f0f5\U0001f10d-\U0001fbca\U000e0001-\U000e01ef';
begin
  return regexp_count(p_text, '[' || single || ']')
    + regexp_count(p_text, '[^' || spaces || single || unspaced || neither_letter_nor_digit || '][^' || spaces || single || unspaced || ']*')
    + (select coalesce(sum((char_length(run[1]) + 4) / 5), 0)
       from regexp_matches(p_text, '[' || unspaced || ']+', 'g') as found (run));
end
$$;
comment on function public.count_words(text) is
  'The service: how many words a text has, as coordinator/words.py counts them. Locks nothing.';

-- -- The text so far ---------------------------------------------------------------------------------------------------

create or replace function public.section_under_way(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('step', t.step, 'stage', t.stage, 'agent', t.agent, 'attempt', partial.told -> 'attempt',
    'text', btrim(partial.told ->> 'text', E' \t\r\n'), 'epoch', last_delta.epoch,
    'begins_at', begun.payload -> 'begins_at')
  from (select public.partial_json(p_session_id) as told) partial
  cross join lateral (
    select e.seq, e.epoch from public.session_events e
    where e.session_id = p_session_id and e.type = 'agent.delta' order by e.seq desc limit 1) last_delta
  cross join lateral (
    select e.payload from public.session_events e
    where e.session_id = p_session_id and e.type = 'step.started' and e.seq < last_delta.seq order by e.seq desc limit 1) begun
  join public.session_steps t on t.session_id = p_session_id and t.step = begun.payload ->> 'step'
  -- An attempt that was given up is no part of the text.
  where t.status <> 'done' and t.step ~ '^draft-[0-9]+$' and t.attempt <= (partial.told ->> 'attempt')::integer
    and partial.told ->> 'text' ~ '[^ \t\r\n]'
$$;
comment on function public.section_under_way(uuid) is
  'The service: the section that is being drafted, as far as it was told and stored, or null. Locks nothing.';

create or replace function public.keep_text() returns trigger
language plpgsql security invoker set search_path = ''
as $$
declare
  -- What may stand between two paragraphs, and is not doubled where two texts are joined.
  blank constant text := E' \t\r\n';
  under_way jsonb := public.section_under_way(new.id);
  d public.session_drafts;
  made_by public.session_steps;
  since record;
  before text;
  place integer;
  name text;
begin
  select * into d from public.session_drafts where session_id = new.id and current;
  select * into made_by from public.session_steps where session_id = new.id and step = d.step;
  if d.version is not null and made_by.step is null then
    return new;
  end if;
  -- What that version shows already, or its writer has changed, is not added to it.
  if made_by.step ~ '^(so-far|edit)-' and (under_way ->> 'epoch')::integer <= made_by.epoch then
    under_way := null;
  end if;
  select string_agg(m.content, E'\n\n' order by t.position) as text, max(t.stage) as stage, max(t.agent) as agent into since
  from public.session_steps t join public.session_messages m on m.id = t.message_id
  where t.session_id = new.id and t.status = 'done' and t.step ~ '^draft-[0-9]+$'
    and t.position > coalesce(made_by.position, 0);
  if since.text is null and under_way is null then
    return new;
  end if;

  before := left(d.content, coalesce((under_way ->> 'begins_at')::integer, char_length(d.content)));
  before := concat_ws(E'\n\n', nullif(rtrim(before, blank), ''), since.text);
  under_way := under_way || jsonb_build_object(
    'begins_at', case when before = '' then 0 else char_length(before) + 2 end);
  -- Before a step that has begun and is not done, as an edit, so that the steps done stand in their order.
  select coalesce(min(t.position) filter (where t.status <> 'done'), count(*) + 1) into place
  from public.session_steps t where t.session_id = new.id;
  update public.session_steps set position = position + 1 where session_id = new.id and position >= place;
  name := 'so-far-' || (select count(*) + 1 from public.session_steps t
    where t.session_id = new.id and t.step ~ '^so-far-[0-9]+$');
  insert into public.session_steps
    (session_id, user_id, step, position, stage, agent, status, started_at, finished_at, duration_ms, epoch, output)
  values (new.id, new.user_id, name, place, coalesce(under_way ->> 'stage', since.stage),
    coalesce(under_way ->> 'agent', since.agent), 'done', now(), now(), 0, new.epoch,
    jsonb_build_object('under_way', under_way - '{stage,agent,epoch}'::text[]));

  update public.session_drafts set current = false where session_id = new.id and current;
  before := concat_ws(E'\n\n', nullif(before, ''), under_way ->> 'text');
  insert into public.session_drafts (session_id, user_id, version, current, author, step, content, word_count)
  values (new.id, new.user_id, new.draft_count + 1, true, coalesce(under_way ->> 'agent', since.agent), name, before,
    public.count_words(before))
  returning * into d;
  new.draft_count := d.version;
  new.draft_version := d.version;
  -- Numbered with what the change of status tells.
  new.outside := new.outside || public.draft_event(d);
  return new;
exception when others then
  -- What passes by itself is tried again. Otherwise the session comes to its end all the same, without this version.
  if sqlstate ~ '^(40|53|55|57|58)' then
    raise;
  end if;
  raise warning 'the text so far of % is not kept: %', new.id, sqlstate;
  return new;
end
$$;
comment on function public.keep_text() is
  'A trigger on story_sessions, and so in the transaction of every change of status: the current version, the sections drafted since and the one under way become the next version, where they are more than that. Within the session''s row lock; nobody may call it.';

create or replace trigger keep_text before update of status on public.story_sessions
  for each row
  when (new.status in ('paused', 'failed', 'cancelled', 'expired') and old.status is distinct from new.status)
  execute function public.keep_text();

create or replace function public.finish_step(p_session_id uuid, p_epoch integer, p_events jsonb, p_result jsonb) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
  r record;
  d public.session_drafts;
  outside jsonb;
  made jsonb := '[]';
  last_seq integer;
  active_at timestamptz;
begin
  select * into s from public.story_sessions where id = p_session_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  perform public.check_epoch(s.epoch, p_epoch);
  select * into r from jsonb_to_record(p_result) as result (
    step text, stage text, agent text, attempt integer, started_at timestamptz, duration_ms integer, tokens integer,
    cost_usd numeric(12, 6), message_id uuid, content text, model text, metadata jsonb, output jsonb, draft jsonb,
    scored_version integer, scores jsonb, accept_version integer, context jsonb, progress jsonb, title text,
    after_seq integer, delta_from integer);
  if exists (select from public.session_steps where session_id = p_session_id and step = r.step and status = 'done') then
    -- The answer to this very call was lost; what it made is told again.
    return json_build_object('session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent),
      'notes', public.notes_json(p_session_id), 'events', public.events_since(p_session_id, r.after_seq));
  end if;

  outside := s.outside;
  insert into public.session_messages
    (id, session_id, user_id, seq, role, agent, step, content, metadata, model, tokens, cost_usd)
  values (r.message_id, p_session_id, s.user_id, s.message_count + 1, 'assistant', r.agent, r.step, r.content,
    coalesce(r.metadata, '{}'), r.model, r.tokens, r.cost_usd);

  if r.accept_version is not null or (r.draft ->> 'current')::boolean then
    update public.session_drafts set current = false where session_id = p_session_id and current;
  end if;
  if r.draft is not null then
    insert into public.session_drafts (session_id, user_id, version, current, author, step, content, word_count)
    values (p_session_id, s.user_id, s.draft_count + 1, (r.draft ->> 'current')::boolean, r.agent, r.step,
      r.draft ->> 'content', (r.draft ->> 'word_count')::integer)
    returning * into d;
    made := made || public.draft_event(d);
  end if;
  if r.scored_version is not null then
    update public.session_drafts set scores = r.scores where session_id = p_session_id and version = r.scored_version;
    update public.session_drafts set current = true where session_id = p_session_id and version = r.accept_version;
    select * into d from public.session_drafts where session_id = p_session_id and version = r.scored_version;
    made := made || public.draft_event(d);
  end if;

  insert into public.session_steps as t
    (session_id, user_id, step, position, stage, agent, status, attempt, started_at, finished_at, duration_ms, tokens,
     cost_usd, epoch, message_id, output)
  values (p_session_id, s.user_id, r.step,
    (select count(*) + 1 from public.session_steps o where o.session_id = p_session_id), r.stage, r.agent, 'done', r.attempt,
    r.started_at, now(), r.duration_ms, r.tokens, r.cost_usd, s.epoch, r.message_id, r.output)
  on conflict (session_id, step) do update set
    status = 'done', attempt = excluded.attempt, started_at = excluded.started_at, finished_at = excluded.finished_at,
    -- What runs before used for it is counted in the session, too.
    duration_ms = excluded.duration_ms, tokens = t.tokens + excluded.tokens, cost_usd = t.cost_usd + excluded.cost_usd,
    epoch = excluded.epoch, message_id = excluded.message_id, output = excluded.output, error = null;

  if r.title is not null and not s.titled then
    made := made || jsonb_build_object('type', 'session.status',
      'status', case when s.pausing then 'paused' else s.status end, 'reason', 'titled', 'title', r.title);
  end if;
  active_at := public.activity(s.last_activity_at);
  update public.story_sessions set
    message_count = message_count + 1,
    draft_count = draft_count + (r.draft is not null)::integer,
    draft_version = coalesce(r.accept_version, case when (r.draft ->> 'current')::boolean then draft_count + 1 else draft_version end),
    tokens = tokens + r.tokens,
    cost_usd = cost_usd + r.cost_usd,
    usage_by_agent = public.usage_after(usage_by_agent, r.agent, r.tokens, r.cost_usd),
    context = coalesce(r.context, context),
    progress = r.progress,
    title = case when titled then title else coalesce(r.title, title) end,
    status = case when pausing then 'paused' else status end,
    node = case when pausing then null else node end,
    pausing = false, outside = '[]',
    updated_at = now(), last_activity_at = active_at, expires_at = active_at + make_interval(secs => ttl_s)
  where id = p_session_id returning * into s;
  made := made || jsonb_build_array(
    jsonb_build_object('type', 'usage', 'tokens', s.tokens, 'cost_usd', s.cost_usd, 'by_agent', s.usage_by_agent),
    jsonb_build_object('type', 'progress') || s.progress,
    jsonb_build_object('type', 'step.finished', 'step', r.step, 'duration_ms', r.duration_ms, 'tokens', r.tokens,
      'cost_usd', r.cost_usd));
  if s.status = 'paused' then
    -- With what keep_text has told of it.
    made := made || s.outside || jsonb_build_object('type', 'session.status', 'status', 'paused', 'reason', 'asked');
    update public.story_sessions set outside = '[]' where id = p_session_id;
  end if;
  made := outside || jsonb_build_object('type', 'agent.message', 'message', jsonb_build_object(
    'id', r.message_id, 'seq', s.message_count, 'role', 'assistant', 'agent', r.agent, 'step', r.step, 'content', r.content,
    'metadata', coalesce(r.metadata, '{}'), 'audio_url', null, 'model', r.model, 'tokens', r.tokens, 'cost_usd', r.cost_usd,
    'created_at', now())) || made;

  -- The run's own, then what others and this step have made: a number is never given twice.
  last_seq := greatest((p_events -> -1 ->> 'seq')::integer,
    (select max(e.seq) from public.session_events e where e.session_id = p_session_id));
  insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq, payload, at)
  select p_session_id, s.user_id, (event ->> 'seq')::integer, s.epoch, event ->> 'type', null,
    event - '{type,seq,at}'::text[], (event ->> 'at')::timestamptz
  from jsonb_array_elements(p_events) as listed (event)
  -- The message stands for its deltas.
  where event ->> 'type' <> 'agent.delta' or (event ->> 'seq')::integer < r.delta_from
  union all
  select p_session_id, s.user_id, last_seq + place, s.epoch, event ->> 'type', (event -> 'message' ->> 'seq')::integer,
    event - '{type,message}'::text[], now()
  from jsonb_array_elements(made) with ordinality as listed (event, place)
  on conflict (session_id, seq) do nothing;
  delete from public.session_events where session_id = p_session_id and type = 'agent.delta' and seq >= r.delta_from;
  -- What was made, as it was stored, to be told from last_seq on: to put it together here takes several times as long.
  return json_build_object('session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent),
    'notes', public.notes_json(p_session_id), 'made', made, 'last_seq', last_seq, 'at', now());
end
$$;

create or replace function public.fork_session(
  p_session_id uuid, p_owner uuid, p_steps text[], p_step text, p_title text, p_config jsonb, p_context jsonb,
  p_progress jsonb, p_scores jsonb, p_draft_version integer, p_model text, p_ttl_s integer, p_status text,
  p_request_id text
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  parent public.story_sessions;
  s public.story_sessions;
  until timestamptz;
  told jsonb;
begin
  -- It may go on meanwhile: what it has done stays as it is.
  select * into parent from public.story_sessions
  where id = p_session_id and user_id = p_owner for key share;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  select t.finished_at into until from public.session_steps t where t.session_id = parent.id and t.step = p_step;
  insert into public.story_sessions
    (user_id, kind, title, titled, prompt, template, status, config, context, progress, model, request_id, ttl_s,
     expires_at, parent_session_id, draft_version)
  values (parent.user_id, parent.kind, coalesce(p_title, parent.title), p_title is not null or parent.titled,
    parent.prompt, parent.template,
    -- One that is to be paused comes to that below, and is at no moment one that is under way.
    case p_status when 'paused' then 'expired' else p_status end, p_config, p_context, p_progress, p_model, p_request_id, p_ttl_s,
    now() + make_interval(secs => p_ttl_s), parent.id, p_draft_version)
  on conflict (user_id, request_id) do nothing
  returning * into s;
  if not found then
    select * into s from public.story_sessions where user_id = p_owner and request_id = p_request_id;
    return jsonb_build_object('created', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;

  -- What the parent has used is counted there.
  with past as (
    select m.*, gen_random_uuid() as new_id, (row_number() over (order by m.seq))::integer as place
    from public.session_messages m
    where m.session_id = parent.id and (m.step is null or m.step = any (p_steps))
      and (p_step is null or m.seq = 1 or m.created_at <= until)
  ), said as (
    insert into public.session_messages
      (id, session_id, user_id, seq, role, agent, step, content, metadata, audio_url, model, created_at)
    select new_id, s.id, s.user_id, place, role, agent, step, content, metadata, audio_url, model, created_at from past
  )
  insert into public.session_steps
    (session_id, user_id, step, position, stage, agent, status, attempt, started_at, finished_at, duration_ms, epoch,
     message_id, output)
  select s.id, s.user_id, t.step, row_number() over (order by t.position), t.stage, t.agent, t.status, t.attempt,
    t.started_at, t.finished_at, t.duration_ms, 0, past.new_id, t.output
  from public.session_steps t left join past on past.id = t.message_id
  where t.session_id = parent.id and t.step = any (p_steps);
  insert into public.session_drafts
    (session_id, user_id, version, current, author, step, content, word_count, scores, created_at)
  select s.id, s.user_id, d.version, d.version = p_draft_version, d.author, d.step, d.content, d.word_count,
    p_scores -> d.version::text, d.created_at
  from public.session_drafts d where d.session_id = parent.id and d.step = any (p_steps);
  update public.story_sessions set
    message_count = (select count(*) from public.session_messages m where m.session_id = s.id),
    draft_count = (select count(*) from public.session_drafts d where d.session_id = s.id)
  where id = s.id;
  -- A status that it comes to: of what is paused, the text so far is kept. It is told below, with the other versions.
  update public.story_sessions set status = p_status where id = s.id;
  update public.story_sessions set outside = '[]' where id = s.id returning * into s;

  told := public.add_events(s,
    jsonb_build_array(jsonb_build_object(
      'type', 'session.created', 'request_id', p_request_id, 'session', public.session_json(s)))
    || (select coalesce(jsonb_agg(public.message_event(m) order by m.seq), '[]')
        from public.session_messages m where m.session_id = s.id)
    || (select coalesce(jsonb_agg(public.draft_event(d) order by d.version), '[]')
        from public.session_drafts d where d.session_id = s.id));
  if s.status = 'active' then
    perform pg_notify('storyloom', 'queue');
  end if;
  return jsonb_build_object('created', true, 'session', public.session_json(s), 'events', told);
end
$$;

-- -- What is said where there is none -----------------------------------------------------------------------------------

create or replace function public.no_text(s public.story_sessions) returns text
language sql immutable security invoker set search_path = ''
as $$
  select case
    when s.status = 'cancelled' then 'The story has no text: it was cancelled before any was written.'
    when s.status in ('paused', 'failed', 'expired') then
      format('The story has no text: it %s before any was written. Resume it, and it goes on.',
        case s.status when 'failed' then 'failed' when 'expired' then 'expired' else 'was paused' end)
    else 'The story has no draft yet. Watch the session, or try again in a while.' end
$$;
comment on function public.no_text(public.story_sessions) is 'Users and the service: why a session has no version yet. Locks nothing.';

create or replace function public.get_story(p_session_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  d public.session_drafts;
begin
  select * into d from public.session_drafts where session_id = p_session_id and current;
  if not found then
    raise sqlstate 'PT409' using message = public.no_text(s);
  end if;
  return jsonb_build_object(
    'session_id', s.id, 'story_id', (select id from public.stories where session_id = s.id), 'title', s.title,
    'content', d.content, 'word_count', d.word_count, 'version', d.version, 'status', s.status, 'model', s.model,
    'created_at', d.created_at);
end
$$;

create or replace function public.create_share(
  p_id uuid, p_session_id uuid, p_owner uuid, p_token_hash text, p_ttl_s integer, p_most integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  h public.session_shares;
begin
  select * into h from public.session_shares where id = p_id and session_id = s.id;
  if found then
    return public.share_json(h);
  end if;
  if s.draft_version = 0 then
    raise sqlstate 'PT409' using message = public.no_text(s);
  end if;
  -- Links that are over make room, the oldest first, so that a session never has more than p_most rows.
  delete from public.session_shares where id in (
    select d.id from public.session_shares d where d.session_id = s.id and (d.revoked_at is not null or d.expires_at <= now())
    order by d.created_at
    limit greatest((select count(*) from public.session_shares c where c.session_id = s.id) - p_most + 1, 0));
  if (select count(*) from public.session_shares c where c.session_id = s.id) >= p_most then
    raise sqlstate 'PT409' using message = format(
      'The story has as many links as one may have (%s). Revoke one that is no longer needed.', p_most);
  end if;
  insert into public.session_shares (id, session_id, user_id, token_hash, expires_at)
  values (p_id, s.id, s.user_id, p_token_hash, now() + make_interval(secs => p_ttl_s))
  returning * into h;
  return public.share_json(h);
end
$$;

revoke execute on function
  public.count_words(text), public.section_under_way(uuid), public.keep_text(), public.no_text(public.story_sessions)
  from public, anon, authenticated, service_role;
grant execute on function public.count_words(text), public.section_under_way(uuid) to service_role;
grant execute on function public.no_text(public.story_sessions) to authenticated, service_role;
