// @ts-check
/** What this browser keeps between visits. Without storage (private windows, full disks) it lasts as long as the page. */

const PREFIX = "storyloom.";
/** @type {Map<string, string>} */
const memory = new Map();

/** @param {string} name @returns {any} null where there is none */
export function recall(name) {
  let text = null;
  try {
    text = localStorage.getItem(PREFIX + name);
  } catch {
    // Storage is refused to this page.
  }
  text ??= memory.get(name) ?? null;
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {string} name @param {unknown} value null forgets it */
export function keep(name, value) {
  if (value === null || value === undefined) memory.delete(name);
  else memory.set(name, JSON.stringify(value));
  try {
    if (value === null || value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Then it is kept for this page alone.
  }
}

/** When another tab keeps something else under that name, until the returned function is called. @param {string} name @param {() => void} then */
export function whenChanged(name, then) {
  /** @param {StorageEvent} event */
  const changed = (event) => {
    if (event.key === PREFIX + name || event.key === null) {
      memory.delete(name);
      then();
    }
  };
  addEventListener("storage", changed);
  return () => removeEventListener("storage", changed);
}
