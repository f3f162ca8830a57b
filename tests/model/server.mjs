// A small real model behind the door of an OpenAI-compatible server, with what llama.cpp says of itself.
// usage: node server.mjs MODEL.gguf CONTEXT_TOKENS; prints the port on which it listens on 127.0.0.1.
import {createServer} from "node:http";
import {getLlama, LlamaChatSession} from "node-llama-cpp";

const [file, size] = process.argv.slice(2);
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const model = await llama.loadModel({modelPath: file});
// One thread: where others use the processors, two spend their time waiting for each other, a hundred times as long.
const context = await model.createContext({contextSize: Number(size), threads: 1});
const sequence = context.getSequence();
const TEMPLATE_TOKENS = 24;
const grammars = new Map();
let turn = Promise.resolve();
const told = {running: 0, left: 0, answered: 0};

const grammarOf = async (schema) => {
  const key = JSON.stringify(schema);
  if (!grammars.has(key)) grammars.set(key, await llama.createGrammarForJsonSchema(flat(schema, schema.$defs ?? {})));
  return grammars.get(key);
};

// The library knows no references, and no key that only describes.
const flat = (part, defs) => {
  if (part.$ref) return flat(defs[part.$ref.split("/").at(-1)], defs);
  if (part.type === "object") {
    const properties = Object.fromEntries(Object.entries(part.properties).map(([name, each]) => [name, flat(each, defs)]));
    return {type: "object", properties};
  }
  if (part.type === "array") {
    return {type: "array", items: flat(part.items, defs), maxItems: part.maxItems, minItems: part.minItems};
  }
  if (part.type === "string") return part.enum ? {enum: part.enum} : {type: "string", maxLength: part.maxLength};
  return {type: part.type};
};

const textOf = (message) =>
  typeof message.content === "string" ? message.content : message.content.map((part) => part.text ?? "").join("\n");

const json = (response, status, body) => {
  response.writeHead(status, {"content-type": "application/json"});
  response.end(JSON.stringify(body));
};

const answer = async (asked, response) => {
  const system = asked.messages.filter((each) => each.role === "system").map(textOf).join("\n\n");
  const user = asked.messages.filter((each) => each.role !== "system").map(textOf).join("\n\n");
  const read = model.tokenize(system + user).length + TEMPLATE_TOKENS;
  if (read >= context.contextSize) {
    const message = `the request exceeds the available context size (${read} tokens)`;
    const error = {code: 400, type: "exceed_context_size_error", message, n_prompt_tokens: read, n_ctx: context.contextSize};
    return json(response, 400, {error});
  }
  const gone = new AbortController();
  response.on("close", () => response.writableFinished || gone.abort());
  const form = asked.response_format?.json_schema?.schema;
  const grammar = form ? await grammarOf(form) : undefined;
  const frame = {id: "chat-1", object: "chat.completion.chunk", created: 1, model: asked.model};
  const send = (choices, more = {}) => response.write(`data: ${JSON.stringify({...frame, choices, ...more})}\n\n`);
  response.writeHead(200, {"content-type": "text/event-stream"});
  send([{index: 0, delta: {role: "assistant", content: ""}, finish_reason: null}]);
  await sequence.clearHistory();
  const session = new LlamaChatSession({contextSequence: sequence, systemPrompt: system});
  let written = 0;
  let reason = "stop";
  told.running += 1;
  try {
    const most = Math.min(asked.max_tokens ?? Infinity, context.contextSize - read);
    const {stopReason} = await session.promptWithMeta(user, {
      grammar, temperature: asked.temperature, seed: asked.seed, maxTokens: most, signal: gone.signal,
      onTextChunk: (content) => send([{index: 0, delta: {content}, finish_reason: null}]),
      onToken: (tokens) => { written += tokens.length; },
    });
    if (stopReason === "maxTokens") reason = "length";
    told.answered += 1;
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    told.left += 1;
    return;
  } finally {
    told.running -= 1;
    session.dispose({disposeSequence: false});
  }
  const usage = {prompt_tokens: read, completion_tokens: written, total_tokens: read + written};
  send([{index: 0, delta: {}, finish_reason: reason}]);
  send([], {usage});
  response.end("data: [DONE]\n\n");
};

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (piece) => { body += piece; }).on("end", () => {
    const path = request.url;
    if (path === "/told") return json(response, 200, told);
    if (path === "/props") {
      return json(response, 200, {default_generation_settings: {n_ctx: context.contextSize}, total_slots: 1});
    }
    if (path === "/tokenize") return json(response, 200, {tokens: [...model.tokenize(JSON.parse(body).content)]});
    if (path === "/v1/models") return json(response, 200, {data: [{id: "smollm2", meta: {n_ctx: context.contextSize}}]});
    if (path !== "/v1/chat/completions") return json(response, 404, {error: {message: "no such path"}});
    // One place: who comes next waits.
    turn = turn.then(() => response.destroyed || answer(JSON.parse(body), response)).catch((error) => {
      console.error(error);
      response.headersSent ? response.destroy() : json(response, 500, {error: {message: String(error)}});
    });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
