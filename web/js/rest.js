// @ts-check
/** Calls of the service's REST API, and of a Supabase project's sign-in. Problems come out as one kind of error. */

const WAIT_MS = 30_000;
/** Longest wait that a reader is made to sit through unasked when told to come slower. */
const PATIENCE_S = 5;

export class Refusal extends Error {
  /** @param {string} code @param {string} message @param {{status?: number, retryAfter?: number | null}} [more] */
  constructor(code, message, more = {}) {
    super(message);
    this.code = code;
    this.status = more.status ?? 0;
    this.retryAfter = more.retryAfter ?? null;
  }
}

/**
 * @typedef {{body?: unknown, query?: Record<string, unknown>, key?: string, token?: string | null,
 *   headers?: Record<string, string>, as?: "json" | "blob", signal?: AbortSignal, waitMs?: number, again?: boolean}} Call
 * @param {string} method
 * @param {string} path
 * @param {Call} [call]
 * @returns {Promise<any>}
 */
export async function request(method, path, call = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  /** @type {Record<string, string>} */
  const headers = { Accept: call.as === "blob" ? "*/*" : "application/json", ...call.headers };
  if (call.token) headers.Authorization = `Bearer ${call.token}`;
  // A header's characters are bytes: those of UTF-8.
  if (call.key) headers["Idempotency-Key"] = String.fromCharCode(...new TextEncoder().encode(call.key));
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  const signals = [AbortSignal.timeout(call.waitMs ?? WAIT_MS), ...(call.signal ? [call.signal] : [])];
  let answer;
  try {
    answer = await fetch(url, {
      method, headers, body: call.body === undefined ? undefined : JSON.stringify(call.body), credentials: "omit",
      cache: "no-store", signal: AbortSignal.any(signals),
    });
  } catch (fault) {
    if (call.signal?.aborted) throw fault;
    throw new Refusal("offline", "", { status: 0 });
  }
  if (answer.status === 429 && method === "GET") {
    const wait = Number(answer.headers.get("Retry-After") ?? "1");
    if (wait <= PATIENCE_S && !call.again) {
      await new Promise((done) => setTimeout(done, wait * 1000));
      return request(method, path, { ...call, again: true });
    }
  }
  if (!answer.ok) throw await refusal(answer);
  if (call.as === "blob") return { blob: await answer.blob(), name: fileName(answer.headers.get("Content-Disposition")) };
  if (answer.status === 204) return null;
  return answer.json();
}

/** @param {Response} answer */
async function refusal(answer) {
  /** @type {any} */
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // Something between us and the service answered.
  }
  const code = told.code && typeof told.code === "string" ? told.code : answer.status === 404 ? "not_found" : "unavailable";
  const message = told.detail ?? told.message ?? told.msg ?? told.error_description ?? told.title ?? "";
  const wait = Number(answer.headers.get("Retry-After"));
  return new Refusal(code, String(message), { status: answer.status, retryAfter: wait > 0 ? wait : null });
}

/** @param {string | null} disposition */
function fileName(disposition) {
  const extended = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? "");
  if (extended) {
    try {
      return decodeURIComponent(extended[1]);
    } catch {
      // The plain name does.
    }
  }
  return /filename="?([^";]+)"?/i.exec(disposition ?? "")?.[1] ?? null;
}
