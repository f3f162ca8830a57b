// @ts-check
/** A watched session: events go into the state as they come, views are drawn once a frame. */

import { EMPTY, reduce } from "./state.js";

/** In a tab that nobody sees there are no frames. */
const HIDDEN_MS = 500;

/**
 * @typedef {import("./state.js").State} State
 * @param {import("./connection.js").Connection} connection
 * @param {string} sessionId
 * @param {{draw: (state: State) => void, event?: (event: any, state: State) => void, refused: (error: any) => void}} view
 */
export function live(connection, sessionId, view) {
  /** @type {State} */
  let state = EMPTY;
  let planned = 0;
  let ended = false;
  const draw = () => {
    planned = 0;
    if (!ended) view.draw(state);
  };
  const plan = () => {
    if (planned) return;
    planned = 1;
    if (document.hidden) setTimeout(draw, HIDDEN_MS);
    else requestAnimationFrame(draw);
  };
  const end = connection.watch(sessionId, {
    position: () => (state === EMPTY ? null : { epoch: state.epoch, seq: state.seq }),
    event: (event) => {
      const next = reduce(state, event);
      if (next === state) return;
      state = next;
      view.event?.(event, state);
      plan();
    },
    refused: view.refused,
  });
  return {
    get state() {
      return state;
    },
    redraw: plan,
    end() {
      ended = true;
      end();
    },
  };
}
