// @ts-check
/** A watched session: events go into the state as they come, views are drawn once a frame. */

import { EMPTY, reduce } from "./state.js";

/** In a tab that nobody sees there are no frames. */
const HIDDEN_MS = 500;

/**
 * @template {{epoch: number, seq: number}} State
 * @typedef {{empty: State, reduce: (state: State, event: any) => State}} Machine
 */

/** @type {Machine<import("./state.js").State>} */
export const STORY = Object.freeze({ empty: EMPTY, reduce });

/**
 * @template {{epoch: number, seq: number}} State
 * @param {import("./connection.js").Connection} connection
 * @param {string} sessionId
 * @param {{draw: (state: State) => void, event?: (event: any, state: State, before: State) => void, refused: (error: any) => void}} view
 * @param {Machine<State>} machine
 */
export function live(connection, sessionId, view, machine) {
  let state = machine.empty;
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
    position: () => (state === machine.empty ? null : { epoch: state.epoch, seq: state.seq }),
    event: (event) => {
      const before = state;
      const next = machine.reduce(state, event);
      if (next === state) return;
      state = next;
      view.event?.(event, state, before);
      plan();
    },
    refused: view.refused,
  });
  return {
    get state() {
      return state;
    },
    redraw: plan,
    /** What a page has found out by another way. @param {(state: State) => State} change */
    change(change) {
      state = change(state);
      plan();
    },
    end() {
      ended = true;
      end();
    },
  };
}
