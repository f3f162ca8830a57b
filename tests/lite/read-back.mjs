// @ts-check
// What any other client of a project sees of Storyloom's rows: tests/store/test_supabase_js.py gives this to Node, in the
// folder where the packages are installed. It takes one JSON object on LITE_TASK and prints one.
import { createClient } from "@supabase/supabase-js";

/** @typedef {{ email: string, password: string }} Account */
/** @type {{ url: string, key: string, signUp?: Account[], readers?: (Account | null)[], sessionId?: string }} */
const task = JSON.parse(process.env.LITE_TASK ?? "{}");
const TABLES = { story_sessions: "id", session_messages: "session_id", session_drafts: "session_id", stories: "session_id" };
const FUNCTIONS = ["get_session", "list_messages", "list_drafts", "get_story"];

/** Realtime is not used; where Node has no WebSocket, before 22, supabase-js makes no client unless it is given one. */
class NoWebSocket {
  constructor() {
    throw new Error("Realtime is not used here.");
  }
}

const client = () =>
  createClient(task.url, task.key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: /** @type {any} */ (globalThis.WebSocket ?? NoWebSocket) },
  });

/** @param {Account} account */
async function signUp(account) {
  const { data, error } = await client().auth.signUp(account);
  if (error) throw error;
  return { id: data.user?.id, token: data.session?.access_token };
}

/** The session as one reader sees it; null is nobody. @param {Account | null} reader */
async function readBack(reader) {
  const supabase = client();
  if (reader) {
    const { error } = await supabase.auth.signInWithPassword(reader);
    if (error) throw error;
  }
  /** @type {Record<string, unknown>} */
  const seen = {};
  for (const [table, key] of Object.entries(TABLES)) {
    const { data, error, status } = await supabase.from(table).select().eq(key, task.sessionId);
    seen[table] = { data, code: error?.code ?? null, status };
  }
  for (const name of FUNCTIONS) {
    const { data, error, status } = await supabase.rpc(name, { p_session_id: task.sessionId });
    seen[name] = { data, code: error?.code ?? null, status };
  }
  return seen;
}

const signedUp = await Promise.all((task.signUp ?? []).map(signUp));
const read = await Promise.all((task.readers ?? []).map(readBack));
console.log(JSON.stringify({ signedUp, read }));
