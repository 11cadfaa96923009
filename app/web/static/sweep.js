/*
 * How a divider sweeps over a pair by itself: from "before" to "after" and back, and again.
 */
window.dinSweep = (() => {
  // [seconds, share of "before" in the picture]: before, after, before, after.
  const TIMELINE = [[0, 1], [0.8, 1], [2.4, 0], [3, 0], [4.3, 1], [4.6, 1], [6, 0], [7, 0]];
  const PAIR_S = TIMELINE.at(-1)[0];
  const LONGEST_STEP_S = 0.25; // prevents a jump after the tab was in the background

  const ease = (t) => (t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2);

  /** Returns the share of "before" at a time of the pair, in seconds. */
  const splitAt = (seconds) => {
    const next = TIMELINE.findIndex(([time]) => time > seconds);
    if (next < 0) return TIMELINE.at(-1)[1];
    const [[t0, from], [t1, to]] = [TIMELINE[next - 1], TIMELINE[next]];
    return from + (to - from) * ease((seconds - t0) / (t1 - t0));
  };

  /** Calls `advance` with the seconds since the last frame, for each frame while `isOn()`. */
  const everyFrame = (isOn, advance) => {
    let last = performance.now();
    const beat = (now) => {
      if (!isOn()) return;
      advance(Math.min(Math.max(now - last, 0) / 1000, LONGEST_STEP_S));
      last = now;
      requestAnimationFrame(beat);
    };
    requestAnimationFrame(beat);
  };

  return Object.freeze({ PAIR_S, splitAt, everyFrame });
})();
