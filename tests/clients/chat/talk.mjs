// An unmodified `useChat` in Node, driven by lines of JSON on standard input; what it has is told on standard output.
//
//   {"do": "open", "name", "api", "token", "id"?, "messages"?, "resume"?}   mounts a chat
//   {"do": "send", "name", "text", "messageId"?} · {"do": "regenerate", "name", "messageId"?} · {"do": "resume", "name"}
//   {"do": "stop", "name"} · {"do": "close", "name"} · {"do": "move", "name", "api", "token"} (the next calls go there)
//
// Told: {"name", "status", "error", "id", "messages"} whenever any of it has changed.
import { createInterface } from 'node:readline';
import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { createElement } from 'react';
import { create } from 'react-test-renderer';

globalThis.IS_REACT_ACT_ENVIRONMENT = false;
const say = console.log;
// What React says of its renderer is of no interest here.
console.error = () => {};

const chats = new Map();

function Talk({ name, options }) {
  const chat = useChat(options);
  chats.get(name).chat = chat;
  const { status, error, messages, id } = chat;
  tell(name, { status, error: error ? String(error.message) : null, id, messages });
  return null;
}

function tell(name, state) {
  const line = JSON.stringify({ name, ...state });
  const entry = chats.get(name);
  if (entry.told !== line) {
    entry.told = line;
    say(line);
  }
}

const actions = {
  open({ name, api, token, id, messages, resume }) {
    const entry = { api, token };
    chats.set(name, entry);
    const transport = new DefaultChatTransport({
      api,
      headers: () => ({ authorization: `Bearer ${entry.token}` }),
      // Another node of the same service, as a load balancer would choose it: the same request, elsewhere.
      fetch: (url, init) => fetch(String(url).replace(api, entry.api), init),
    });
    const options = { transport, resume, ...(id ? { id } : {}), ...(messages ? { messages } : {}) };
    entry.renderer = create(createElement(Talk, { name, options }));
  },
  move({ name, api, token }) {
    Object.assign(chats.get(name), { api, token });
  },
  send({ name, text, messageId }) {
    return chats.get(name).chat.sendMessage({ text, messageId });
  },
  regenerate({ name, messageId }) {
    return chats.get(name).chat.regenerate({ messageId });
  },
  resume({ name }) {
    return chats.get(name).chat.resumeStream();
  },
  stop({ name }) {
    return chats.get(name).chat.stop();
  },
  close({ name }) {
    chats.get(name).renderer.unmount();
    chats.delete(name);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const wanted = JSON.parse(line);
  Promise.resolve(actions[wanted.do](wanted)).catch(error => say(JSON.stringify({ name: wanted.name, broken: String(error) })));
}
process.exit(0);
