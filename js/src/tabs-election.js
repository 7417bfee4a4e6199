/**
 * @file Which of all the tabs leads: the one that holds the lock.
 *
 * The browser hands the lock on when its holder closes, crashes or resigns, so there is never a second
 * leader and never a vote. A holder that is frozen keeps the lock and answers nobody: it can be deposed,
 * and learns of it when it wakes.
 */

/**
 * @typedef {object} Outcome
 * @property {() => void} elected
 * @property {() => void} deposed Somebody took the lock away; call `stand` again to be in line.
 */

export class Election {
  #name;
  #locks;
  #outcome;
  /** Ends the wait in line. @type {AbortController | null} */
  #line = null;
  /** @type {(() => void) | null} */
  #release = null;

  /**
   * @param {string} name
   * @param {LockManager} locks
   * @param {Outcome} outcome
   */
  constructor(name, locks, outcome) {
    this.#name = name;
    this.#locks = locks;
    this.#outcome = outcome;
  }

  /** Waits in line for the lock. */
  stand() {
    if (this.#line || this.#release) return;
    this.#line = new AbortController();
    const { signal } = this.#line;
    void this.#ask({ signal });
  }

  /** Takes the lock from a leader that does not answer. */
  seize() {
    if (this.#release) return;
    this.#leaveLine();
    void this.#ask({ steal: true });
  }

  /** Out of line, or out of office. */
  resign() {
    this.#leaveLine();
    this.#release?.();
    this.#release = null;
  }

  /** @param {LockOptions} how */
  async #ask(how) {
    /** @type {(() => void) | null} */
    let mine = null;
    try {
      await this.#locks.request(this.#name, how, () => {
        this.#line = null;
        return new Promise((resolve) => {
          this.#release = mine = () => resolve(undefined);
          this.#outcome.elected();
        });
      });
    } catch {
      // Out of line by our own will, or the lock was taken away: only the second had it.
      if (!mine || this.#release !== mine) return;
      this.#release = null;
      this.#outcome.deposed();
    }
  }

  #leaveLine() {
    this.#line?.abort();
    this.#line = null;
  }
}
