/**
 * Follows one suggestion from the moment it is offered, and says what the server should hear of it.
 *
 * VS Code's stable API tells a provider when a suggestion was accepted whole (the item's command), and nothing else: the hooks for
 * showing, partial acceptance and dismissal are proposed API. So the journal reads the rest from the document: an edit that
 * puts more than one character of the suggestion in place is an accepted word or line, and a single character was typed,
 * unless our own key for accepting a word says otherwise.
 * This file knows no editor: its tests feed it plain values.
 */

export interface Offer {
  readonly id: string;
  readonly uri: string;
  /** the whole text that would stand from `start` on, if the suggestion were accepted */
  readonly text: string;
  readonly start: Place;
  /** how much of `text` stood in the document when it was offered */
  readonly present: number;
}

export interface Place {
  readonly line: number;
  readonly character: number;
}

export interface Edit {
  readonly uri: string;
  readonly start: Place;
  readonly inserted: string;
  readonly removed: number;
  /** a key of ours made it, which accepts this: an acceptance for sure, however short */
  readonly accepted: Part | undefined;
  /** the document's new text from `from` to the end of what was inserted */
  readonly textSince: (from: Place) => string;
}

export type Part = 'word' | 'line';

export type Report =
  | { readonly kind: 'show'; readonly id: string }
  | { readonly kind: 'acceptPartial'; readonly id: string; readonly length: number; readonly part?: Part }
  | { readonly kind: 'reject'; readonly id: string };

const plain = (text: string): string => text.replaceAll('\r\n', '\n');
const isBefore = (a: Place, b: Place): boolean => a.line < b.line || (a.line === b.line && a.character < b.character);

export class SuggestionJournal {
  #offer: Offer | undefined;
  #present = 0;
  #lastShown: string | undefined;

  get current(): Offer | undefined {
    return this.#offer;
  }

  /** The editor was given this suggestion. */
  offered(offer: Offer): void {
    const text = plain(offer.text);
    if (this.#lastShown === this.#offer?.id && this.#isContinuedBy(offer.uri, text.slice(offer.present))) {
      this.#lastShown = offer.id; // what is left of a shown suggestion, or more of it: not another one to see
    }
    this.#offer = { ...offer, text };
    this.#present = offer.present;
  }

  #isContinuedBy(uri: string, rest: string): boolean {
    const left = this.#offer?.text.slice(this.#present) ?? '';
    return left !== '' && this.#offer?.uri === uri && rest.startsWith(left);
  }

  /** The editor was given none, or left the place. */
  withdrawn(): void {
    this.#offer = undefined;
  }

  /** The editor had the time to show it. */
  shown(id: string): Report | undefined {
    if (this.#offer?.id !== id || this.#lastShown === id) {
      return undefined;
    }
    this.#lastShown = id;
    return { kind: 'show', id };
  }

  dismissed(): Report | undefined {
    const offer = this.#offer;
    this.#offer = undefined;
    return offer && { kind: 'reject', id: offer.id };
  }

  edited(edit: Edit): Report | undefined {
    const offer = this.#offer;
    if (offer?.uri !== edit.uri) {
      return undefined;
    }
    const since = isBefore(edit.start, offer.start) ? undefined : plain(edit.textSince(offer.start));
    const follows = since !== undefined && offer.text.startsWith(since) && since.length > this.#present;
    if (!follows) {
      this.#offer = undefined;
      return undefined;
    }
    const report: Report = { kind: 'acceptPartial', id: offer.id, length: since.length, ...(edit.accepted && { part: edit.accepted }) };
    this.#present = since.length;
    if (since.length === offer.text.length) {
      this.#offer = undefined; // used up: the whole acceptance reports itself, but not that a word or line was the last of it
      return edit.accepted && report;
    }
    return !edit.accepted && wasTyped(edit) ? undefined : report;
  }
}

/** One character, or Enter with the indentation that the editor adds. */
function wasTyped({ inserted, removed }: Edit): boolean {
  return removed === 0 && /^(.?|\r?\n[ \t]*)$/u.test(inserted);
}
