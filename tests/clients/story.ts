// A program against types that openapi-typescript made of /openapi.json: it compiles under `strict`, and what the
// service answers is what the types say. Its one argument is the service's address; it prints what it found as JSON.

import createClient from "openapi-fetch";
import type { components, operations, paths } from "./service.js";

declare const process: { argv: string[] };

type Session = components["schemas"]["Session"];
type Query = operations["list_sessions"]["parameters"]["query"];

const baseUrl = process.argv[2] ?? "";
const anybody = createClient<paths>({ baseUrl });

const signedIn = await anybody.POST("/api/auth/anonymous");
if (!signedIn.data) throw new Error(JSON.stringify(signedIn.error));
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${signedIn.data.access_token}` } });

const body = { prompt: "A bell that rings under water.", config: { pages: 1, approvals: [], max_revisions: 0 } };
const start = (key: string) => api.POST("/api/sessions", { body, params: { header: { "Idempotency-Key": key } } });
// `fetch` sends a header's characters as bytes: those of UTF-8 are the key that a frame would have.
const started = await start(String.fromCharCode(...new TextEncoder().encode("clé")));
const inLatin = await start("clé");
if (!started.data) throw new Error(JSON.stringify(started.error));
const id: Session["id"] = started.data.id;

let status: Session["status"] = started.data.status;
while (status === "active") {
  await new Promise((done) => setTimeout(done, 50));
  const found = await api.GET("/api/sessions/{session_id}", { params: { path: { session_id: id } } });
  status = found.data?.status ?? "failed";
}

const query: Query = { limit: 1, q: "BELL" };
const sessions = await api.GET("/api/sessions", { params: { query } });
const story = await api.GET("/api/sessions/{session_id}/story", { params: { path: { session_id: id } } });
const renamed = await api.PATCH("/api/sessions/{session_id}", {
  params: { path: { session_id: id } }, body: { title: "The Bell" },
});
const edited = await api.PUT("/api/sessions/{session_id}/drafts", {
  params: { path: { session_id: id } },
  body: { content: `${story.data?.content ?? ""}\n\nThe end.`, base_version: story.data?.version ?? 0 },
});
const difference = await api.GET("/api/sessions/{session_id}/drafts/{a}/diff/{b}", {
  params: { path: { session_id: id, a: story.data?.version ?? 0, b: edited.data?.version ?? 0 } },
});
const events = await api.GET("/api/sessions/{session_id}/events", {
  params: { path: { session_id: id }, query: { after_seq: 0, limit: 3 } },
});
const refused = await api.GET("/api/sessions/{session_id}", {
  params: { path: { session_id: "00000000-0000-4000-8000-000000000000" } },
});

console.log(JSON.stringify({
  id, status, found: sessions.data?.items.map((session) => session.id), words: story.data?.word_count,
  title: renamed.data?.title, ops: difference.data?.blocks.map((block) => block.op), events: events.data?.items.length,
  refused: refused.error?.code, latin: inLatin.error?.code, token: signedIn.data.access_token,
}));
