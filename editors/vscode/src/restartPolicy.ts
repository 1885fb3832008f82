/** How often a server that stops by itself is started again: a few times within a few minutes, then a person is asked. */
export class RestartPolicy {
  readonly #crashes: number[] = [];

  constructor(
    readonly limit = 5,
    readonly minutes = 3,
    private readonly now: () => number = Date.now,
  ) {}

  /** Counts one crash. True: start again. */
  crashed(): boolean {
    const time = this.now();
    this.#crashes.push(time);
    while ((this.#crashes[0] ?? time) < time - this.minutes * 60_000) {
      this.#crashes.shift();
    }
    return this.#crashes.length <= this.limit;
  }

  /** A person started it: the count begins again. */
  forgive(): void {
    this.#crashes.length = 0;
  }
}
