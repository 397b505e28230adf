// The page of one question. Everything that comes from students is put in as text, never as markup.

import { Reading } from "./reading.js";
import { Saver, ask } from "./saving.js";
import { showAnswer, showDone, showGroup, showHistory, showOthers, showPhrases, showPoints } from "./show.js";

const at = id => document.getElementById(id);
const main = document.querySelector("main");
const data = `/data/${main.dataset.item}`;
const reading = new Reading(main.dataset.item, Boolean(main.dataset.agreed));
let names = null;
let typing = null; // the timer of a note that is being written

const saver = new Saver({
  prepare: job => ({ agreed: reading.agreed, ...(job.drafts && { drafts: reading.prepared(job.drafts) }) }),
  settled,
  tell: (text, bad) => { at("saved").textContent = text; at("saved").classList.toggle("bad", bad); },
});

function settled(job, status, answer) {
  if (status === 200) {
    reading.merge(answer, !saver.idle || typing !== null);
    if (job.path.endsWith("/undo")) {
      const back = reading.answers.findIndex(each => each.id === answer.answers[0]?.id);
      if (back < 0) tell("There is nothing to undo.");
      else { tell("Undone"); go(back); }
    }
  } else if (status === 409 && answer.answers) {
    const kept = job.drafts && reading.stands(job.drafts, answer);
    reading.merge(answer, kept && !saver.idle);
    if (!kept) tell("Not saved: something else was decided here in the meantime, in another window. This is what stands now.", true);
  } else {
    tell(`Not saved: ${answer.error ?? status}`, true);
    reading.answers.forEach(each => reading.reset(each));
  }
  render();
}

function tell(text, bad = false) {
  at("saved").textContent = text;
  at("saved").classList.toggle("bad", bad);
}

function change(changes) {
  if (!reading.current) return;
  saver.add({ path: `${data}/decisions`, drafts: reading.change(changes) });
  render();
}

function noteNow() {
  if (typing === null) return;
  clearTimeout(typing);
  typing = null;
  change({ note: at("note").value });
}

function toggle(number) {
  const given = new Set(reading.current.draft.given);
  if (!given.delete(number)) given.add(number);
  change({ given: [...given].sort((a, b) => a - b) });
}

function adjust(half) {
  const [top, bottom = 1] = (reading.current.draft.adjustment || "0").split("/").map(Number);
  const halves = Math.round((top / bottom) * 2) + half;
  if (Math.abs(halves) > 2 * reading.total) return;
  change({ adjustment: halves === 0 ? "" : halves % 2 ? `${halves}/2` : String(halves / 2) });
}

function finish() {
  noteNow();
  change({ finished: true });
  const next = reading.find(1, at("filter").value, true);
  if (next < 0) tell("That was the last one.");
  else go(next);
}

function undo() {
  noteNow();
  saver.add({ path: `${data}/undo` });
  render();
}

function step(by) {
  noteNow();
  const index = reading.find(by, at("filter").value);
  if (index >= 0) go(index);
}

function go(index) {
  reading.index = index;
  reading.ticked.clear();
  history.replaceState(null, "", `#${reading.current.id}`);
  render();
  at("which").focus({ preventScroll: true });
  if (at("which").getBoundingClientRect().top < 0) at("which").scrollIntoView();
}

function tickAll() {
  const open = reading.alike(reading.current).filter(each => !each.draft.finished);
  const all = open.length > 0 && open.every(each => reading.ticked.has(each.id));
  reading.ticked = new Set(all ? [] : open.map(each => each.id));
  render();
}

function render() {
  main.dataset.saving = String(!saver.idle || typing !== null);
  showDone(reading);
  const answer = reading.current;
  for (const each of document.querySelectorAll("aside button, aside input, aside textarea, aside select")) each.disabled = !answer;
  if (!answer) return;
  showAnswer(reading, names);
  showPoints(reading, typing === null);
  showGroup(reading, go, () => render());
  showOthers(reading);
  if (at("history").open) loadHistory();
}

async function loadHistory() {
  const answer = reading.current;
  const found = await ask(`${data}/history/${answer.id}`);
  if (found.status === 200 && answer === reading.current) showHistory(found.data);
}

async function load(where = location.hash.slice(1)) {
  const options = new URLSearchParams();
  if (reading.agreed) options.set("differences", "");
  if (at("suggest").getAttribute("aria-pressed") === "true") options.set("suggest", "");
  const found = await ask(`${data}?${options}`);
  if (found.status !== 200) { tell(found.data.error ?? "The server does not answer as it should.", true); return; }
  reading.load(found.data);
  showPhrases(found.data.phrases);
  const asked = reading.answers.findIndex(each => each.id === where);
  const open = reading.answers.findIndex(each => !each.draft.finished);
  reading.index = Math.max(asked, 0);
  if (asked < 0 && open >= 0) reading.index = open;
  main.dataset.ready = "true";
  render();
}

const pressed = button => {
  const now = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(now));
  return now;
};

at("names").addEventListener("click", async event => {
  names = pressed(event.currentTarget) ? (await ask(`${data}/names`)).data : null;
  render();
});
at("suggest").addEventListener("click", event => { pressed(event.currentTarget); load(reading.current?.id); });
at("keys").addEventListener("click", event => pressed(event.currentTarget));
at("help").addEventListener("click", () => at("key-help").showModal());
at("close-help").addEventListener("click", () => at("key-help").close());
at("filter").addEventListener("change", () => {
  if (reading.current && !reading.matches(reading.current, at("filter").value)) {
    const index = reading.find(1, at("filter").value, false);
    if (index >= 0) go(index);
    else step(-1);
  }
});
at("previous").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("all").addEventListener("click", tickAll);
at("none").addEventListener("click", () => change({ given: [], adjustment: "" }));
at("finish").addEventListener("click", finish);
at("undo").addEventListener("click", undo);
at("adjustment").addEventListener("change", event => change({ adjustment: event.currentTarget.value.trim().replace(",", ".") }));
at("note").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(noteNow, 300);
  main.dataset.saving = "true";
});
at("note").addEventListener("blur", noteNow);
at("phrases").addEventListener("change", event => {
  const text = event.currentTarget.selectedOptions[0]?.dataset.text;
  if (!text) return;
  noteNow();
  const note = reading.current.draft.note;
  change({ note: note ? `${note}\n${text}` : text });
});
at("keep").addEventListener("click", async () => {
  const text = at("note").value.trim();
  if (!text) { tell("Write a note first; it can then be kept as a phrase."); return; }
  showPhrases((await ask(`${data}/phrases`, "POST", { text })).data);
  tell("Kept as a phrase");
});
at("forget").addEventListener("click", async () => {
  const number = at("phrases").value;
  if (number) showPhrases((await ask(`${data}/phrases/${number}`, "DELETE", {})).data);
  else tell("Choose the phrase to remove first.");
});
at("history").addEventListener("toggle", () => { if (at("history").open) loadHistory(); });
for (const button of at("rubric").querySelectorAll("button")) {
  button.addEventListener("click", event => { toggle(Number(button.dataset.concept)); if (event.detail) button.blur(); });
}

const KEYS = {
  j: () => step(1), k: () => step(-1), s: tickAll, u: undo, Enter: finish,
  n: () => at("note").focus(), p: () => at("phrases").focus(), m: () => { at("model").open = !at("model").open; },
  0: () => change({ given: [], adjustment: "" }), "+": () => adjust(1), "-": () => adjust(-1),
  "?": () => at("key-help").showModal(),
};

document.addEventListener("keydown", event => {
  const where = event.target;
  if (where.matches("textarea, input, select")) {
    if (event.key === "Escape") { where.blur(); at("which").focus({ preventScroll: true }); }
    if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); where.blur(); finish(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || at("key-help").open || !reading.current) return;
  if (at("keys").getAttribute("aria-pressed") !== "true") return;
  if (event.key === "Enter" && where.closest("button, a, summary")) return;
  if (event.repeat && event.key !== "j" && event.key !== "k") return;
  const concept = at("rubric").querySelector(`[data-concept="${CSS.escape(event.key)}"] kbd`);
  const action = concept ? () => toggle(Number(event.key)) : Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (!action) return;
  event.preventDefault();
  action();
});
addEventListener("focus", async () => {
  if (!saver.idle || typing !== null || !reading.answers.length) return;
  const found = await ask(`${data}?${reading.agreed ? "differences" : ""}`);
  if (found.status === 200 && saver.idle && typing === null) { reading.merge(found.data, false); render(); }
});

load();
