// The answers as the reader has them: what stands on the server, and what is decided here and on its way there.

const EMPTY = { given: [], adjustment: "", note: "", finished: false };

export class Reading {
  constructor(item, agreed) {
    Object.assign(this, { item, agreed, answers: [], ticked: new Set(), index: 0, total: 0 });
  }

  load(data) {
    this.total = data.total;
    this.answers = data.answers;
    if (this.agreed) this.answers = this.answers.filter(each => each.state === "disputed" || this.line(each));
    this.byId = new Map(this.answers.map(each => [each.id, each]));
    for (const each of this.answers) this.reset(each);
  }

  line(answer) { return this.agreed ? answer.agreed : answer.mine; }

  reset(answer) {
    const line = this.line(answer);
    answer.draft = !line || line.withdrawn
      ? structuredClone(EMPTY)
      : { given: line.given, adjustment: line.adjustment, note: line.note, finished: line.finished && !line.stale };
  }

  get current() { return this.answers[this.index]; }
  get done() { return this.answers.filter(each => each.draft.finished).length; }
  isChanged(answer) { return Boolean(this.line(answer)?.stale) && !this.line(answer).withdrawn; }

  alike(answer) {
    return answer.group === null ? [] : this.answers.filter(each => each.group === answer.group && each !== answer);
  }

  // Change the current answer's draft; those ticked become like it. Gives what to save.
  change(changes) {
    const answer = this.current;
    answer.draft = { ...answer.draft, ...changes };
    const also = [...this.ticked].map(id => this.byId.get(id)).filter(each => each !== answer);
    for (const each of also) each.draft = structuredClone(answer.draft);
    return [answer, ...also].map(each => ({ id: each.id, ...structuredClone(each.draft) }));
  }

  // Drafts with what is known of the server now, in the form in which it takes them.
  prepared(drafts) {
    return drafts.map(draft => {
      const answer = this.byId.get(draft.id);
      return { ...draft, sha256: answer.sha256, seen: this.line(answer)?.number ?? 0 };
    });
  }

  merge(data, keepDrafts) {
    for (const fresh of data.answers ?? []) {
      const answer = this.byId.get(fresh.id);
      if (!answer) continue;
      Object.assign(answer, fresh);
      if (!keepDrafts) this.reset(answer);
    }
    for (const [id, count] of Object.entries(data.read_by ?? {})) {
      const answer = this.byId.get(id);
      if (answer) answer.read_by = count;
    }
  }

  // Whether what stands is what was sent: it was kept, only the server's word got lost.
  stands(drafts, data) {
    const found = new Map((data.answers ?? []).map(each => [each.id, this.line(each)]));
    return drafts.every(draft => {
      const line = found.get(draft.id);
      return line && !line.withdrawn && line.note === draft.note && line.finished === draft.finished
        && line.adjustment === draft.adjustment && String(line.given) === String(draft.given);
    });
  }

  matches(answer, filter) {
    if (filter === "mine") return !answer.draft.finished;
    if (filter === "nobody") return answer.read_by === 0;
    if (filter === "changed") return this.isChanged(answer);
    return true;
  }

  // The nearest index in a direction that the filter lets through; with `open`, one that is not finished. -1: none.
  find(step, filter, open = false) {
    const number = this.answers.length;
    for (let far = 1; far <= number; far += 1) {
      const index = this.index + step * far;
      if (!open && (index < 0 || index >= number)) return -1;
      const answer = this.answers[((index % number) + number) % number];
      if (this.matches(answer, filter) && !(open && answer.draft.finished)) return ((index % number) + number) % number;
    }
    return -1;
  }
}
