/**
 * Time as the client uses it; rules that are tested are given another one.
 */
export const clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
