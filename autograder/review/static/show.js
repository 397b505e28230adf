// From what the reader has to what the page shows.

const at = id => document.getElementById(id);

function made(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

export function showDone(reading) {
  const total = reading.answers.length;
  const left = total - reading.done;
  at("left").textContent = !total
    ? (reading.agreed ? "Readers differ on nothing here." : "Nobody answered this question.")
    : left ? `${reading.done} of ${total} ${reading.agreed ? "settled" : "read"}, ${left} left` : `All ${total} ${reading.agreed ? "settled" : "read"}`;
  const meter = at("meter");
  meter.setAttribute("aria-valuemax", String(total));
  meter.setAttribute("aria-valuenow", String(reading.done));
  meter.firstElementChild.style.width = `${total ? (100 * reading.done) / total : 0}%`;
}

export function showAnswer(reading, names) {
  const answer = reading.current;
  at("which").textContent = `Answer ${reading.index + 1} of ${reading.answers.length}`;
  at("which").append(made("small", answer.draft.finished ? (reading.agreed ? " settled" : " read") : reading.line(answer) && !reading.line(answer).withdrawn ? " begun" : ""));
  at("who").hidden = !names;
  at("who").textContent = names?.[answer.id] ?? "";
  at("remark").hidden = !answer.remark;
  at("remark").textContent = answer.remark ? `For completion the machine said: ${answer.remark}` : "";
  at("changed").hidden = !reading.isChanged(answer);
  const found = answer.suggestions ?? [];
  at("doubt").hidden = !found.length;
  at("text").replaceChildren(...marked(answer.text || "(There is no text that could be read.)", found));
  for (const button of at("rubric").querySelectorAll("button")) {
    const suggested = found.some(each => each.concept === Number(button.dataset.concept));
    button.classList.toggle("suggested", suggested);
  }
}

// The text with the words in spans marked. Spans count characters, not JavaScript's halves of them.
function* marked(text, suggestions) {
  const characters = [...text];
  const spans = new Map();
  for (const { concept, spans: all } of suggestions) {
    for (const [start, end] of all) {
      if (!spans.has(start)) spans.set(start, { end, concepts: [] });
      spans.get(start).concepts.push(concept);
    }
  }
  let position = 0;
  for (const start of [...spans.keys()].sort((a, b) => a - b)) {
    const { end, concepts } = spans.get(start);
    yield document.createTextNode(characters.slice(position, start).join(""));
    const mark = made("mark", characters.slice(start, end).join(""));
    mark.append(made("sup", concepts.join(",")));
    yield mark;
    position = end;
  }
  yield document.createTextNode(characters.slice(position).join(""));
}

export function showPoints(reading, withNote) {
  const draft = reading.current.draft;
  const given = new Set(draft.given);
  let points = 0;
  for (const button of at("rubric").querySelectorAll("button")) {
    const on = given.has(Number(button.dataset.concept));
    button.setAttribute("aria-pressed", String(on));
    if (on) points += Number(button.dataset.points);
  }
  const [top, bottom = 1] = (draft.adjustment || "0").split("/").map(Number);
  points = Math.min(Math.max(points + (top / bottom || 0), 0), reading.total);
  at("points").textContent = `${Math.round(points * 100) / 100} of ${plural(reading.total, "point")}`;
  if (document.activeElement !== at("adjustment")) at("adjustment").value = draft.adjustment;
  if (withNote && at("note").value !== draft.note) at("note").value = draft.note;
  at("phrases").value = "";
}

export function showGroup(reading, go, changed) {
  const alike = reading.alike(reading.current);
  at("alike").hidden = !alike.length;
  at("alike-count").textContent = plural(alike.length, "other");
  const open = alike.filter(each => !each.draft.finished);
  at("all").disabled = !open.length;
  at("all").querySelector("span").textContent =
    open.length && open.every(each => reading.ticked.has(each.id)) ? "Tick none" : "Tick all that are not read";
  at("group").replaceChildren(...alike.map(each => {
    const row = made("li");
    const label = made("label");
    const box = made("input");
    box.type = "checkbox";
    box.checked = reading.ticked.has(each.id);
    box.addEventListener("change", () => { reading.ticked[box.checked ? "add" : "delete"](each.id); changed(); });
    const number = reading.answers.indexOf(each);
    label.append(box, made("span", `Answer ${number + 1}${each.draft.finished ? ", read" : ""}`));
    const open = made("button", "Open");
    open.type = "button";
    open.setAttribute("aria-label", `Open answer ${number + 1}`);
    open.addEventListener("click", () => go(number));
    const text = made("p", each.text, "text");
    text.dir = "auto";
    row.append(label, open, text);
    return row;
  }));
}

function said(decision) {
  const row = made("li");
  row.append(made("strong", decision.reader), made("span", `: ${decision.points} ${decision.points === "1" ? "point" : "points"}`));
  for (const says of decision.says) row.append(made("div", `+ ${says}`, "quiet small"));
  if (decision.adjustment) row.append(made("div", `adjusted by ${decision.adjustment}`, "quiet small"));
  if (decision.note) row.append(made("div", `“${decision.note}”`, "text small"));
  return row;
}

export function showOthers(reading) {
  const answer = reading.current;
  const agreed = answer.agreed && !answer.agreed.withdrawn && !answer.agreed.stale && answer.agreed.finished && !reading.agreed;
  const mine = reading.agreed && answer.mine && !answer.mine.withdrawn && !answer.mine.stale ? [answer.mine] : [];
  const rows = [...mine, ...answer.others].map(said);
  if (agreed) {
    const row = said(answer.agreed);
    row.prepend(made("span", "Settled by ", "quiet"));
    rows.push(row);
  }
  at("others").hidden = !rows.length;
  at("others-list").replaceChildren(...rows);
  at("settle").hidden = reading.agreed || answer.state !== "disputed" || !answer.draft.finished;
}

export function showHistory(decisions) {
  at("history-list").replaceChildren(...decisions.map(each => {
    const what = each.withdrawn ? "took it back" : `${each.points} points${each.finished ? "" : ", not finished"}${each.agreed ? ", for all" : ""}`;
    const row = made("li", `${new Date(each.made_at).toLocaleString()}, ${each.reader}: ${what}${each.stale ? ", on an earlier text" : ""}`);
    if (each.note) row.append(made("div", `“${each.note}”`, "text small"));
    return row;
  }));
}

export function showPhrases(phrases) {
  const first = at("phrases").options[0];
  at("phrases").replaceChildren(first, ...phrases.map(each => {
    const option = made("option", each.text.length > 60 ? `${each.text.slice(0, 58)} …` : each.text);
    option.value = String(each.number);
    option.dataset.text = each.text;
    return option;
  }));
}
