// What the reader did goes to the server one job after the other, in order, and stays here until it is kept there.

export class Refused extends Error {}

export async function ask(path, method = "GET", body = undefined) {
  const options = { method, headers: body === undefined ? {} : { "Content-Type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const response = await fetch(path, options);
  const data = (response.headers.get("Content-Type") ?? "").includes("json") ? await response.json() : {};
  return { status: response.status, data };
}

export class Saver {
  // `prepare(job)` gives what to send; `settled(job, status, data)` is told of every answer; `tell(text, bad)` of how it goes.
  constructor({ prepare, settled, tell }) {
    Object.assign(this, { prepare, settled, tell });
    this.jobs = [];
    this.running = false;
    addEventListener("beforeunload", event => { if (this.jobs.length) event.preventDefault(); });
  }

  add(job) {
    this.jobs.push(job);
    this.tell("Saving …", false);
    if (!this.running) this.run();
  }

  get idle() { return this.jobs.length === 0; }

  async run() {
    this.running = true;
    while (this.jobs.length) {
      const job = this.jobs[0];
      let answer;
      try {
        answer = await ask(job.path, "POST", this.prepare(job));
      } catch {
        await this.wait("Not saved: the server does not answer. What you did is kept in this page and is sent again.");
        continue;
      }
      if (answer.status === 403) {
        await this.wait("Not saved: open the address that the command printed in another tab. What you did is kept here.");
        continue;
      }
      if (answer.status >= 500) {
        await this.wait(`Not saved: ${answer.data.error ?? "the server failed"}. It is tried again.`);
        continue;
      }
      this.jobs.shift();
      this.tell(this.idle ? "Saved" : "Saving …", false);
      this.settled(job, answer.status, answer.data);
    }
    this.running = false;
  }

  wait(text) {
    this.tell(text, true);
    return new Promise(done => setTimeout(done, 1500));
  }
}
