/** The conversation as far as it is known here: its events, and what passes without being one. */
export class Transcript {
  /** In their order, without gaps. */
  events = [];

  lastSeq = 0;

  /** Whether there are events before the first one. */
  more = false;

  /** Pieces of a reply that is being worded, by turn. */
  chunks = new Map();

  /** Authors who type. */
  typers = new Set();

  #readBy = new Map();

  /** Forget all events: they are void. */
  void() {
    this.events = [];
    this.lastSeq = 0;
    this.more = false;
    this.#readBy.clear();
  }

  /** Forget what was under way: the connection is gone. */
  interrupt() {
    this.chunks.clear();
    this.typers.clear();
  }

  /** Whether events follow what is here without a gap. */
  continuesWith(events) {
    return events.every((event, place) => event.seq <= this.lastSeq + place + 1);
  }

  /** Add an event at the end; false if it is here already. */
  add(event) {
    if (event.seq <= this.lastSeq) return false;
    this.lastSeq = event.seq;
    this.events.push(event);
    if (isReply(event)) {
      this.chunks.delete(event.turn);
      this.typers.delete(event.author);
    }
    return true;
  }

  /** Add a page of history at the beginning. */
  prepend(events, more) {
    const first = this.events[0]?.seq ?? Infinity;
    this.events = [...events.filter((event) => event.seq < first), ...this.events];
    this.more = more;
  }

  /** Whether a message of ours is among the events. */
  shows(id) {
    return this.events.some((event) => event.client_msg_id === id);
  }

  chunk({ turn, text = '', aborted = false }) {
    if (aborted) this.chunks.delete(turn);
    else this.chunks.set(turn, (this.chunks.get(turn) ?? '') + text);
  }

  wasRead(author, seq) {
    this.#readBy.set(author, seq);
  }

  /** The last event that somebody other than the visitor saw. */
  get readByOthers() {
    const seqs = [...this.#readBy].filter(([author]) => author !== 'visitor').map(([, seq]) => seq);
    return Math.max(0, ...seqs);
  }

  /** How many replies there are after an event. */
  repliesAfter(seq) {
    return this.events.filter((event) => event.seq > seq && isReply(event)).length;
  }
}

function isReply(event) {
  return event.author !== 'visitor' && (event.kind === 'replied' || event.kind === 'spoke');
}
