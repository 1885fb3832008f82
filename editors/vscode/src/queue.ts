/** Runs a task again and again, one run at a time; requests that come during a run share the next one. */
export class Queue {
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(private readonly task: () => Promise<void>) {}

  run(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.task();
      return this.#running;
    });
    return this.#next;
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    await (this.#next ?? this.#running);
  }
}
