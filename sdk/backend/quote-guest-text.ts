const LONGEST = 40;

/** What a guest wrote, for a message: short, in quotes, without characters that a terminal or a log could obey. */
export function quoteGuestText(text: string | undefined): string {
  if (text === undefined) return '(missing)';
  const plain = text.slice(0, LONGEST).replace(/[^ -~]/g, '?');
  return text.length > LONGEST ? `"${plain}..."` : `"${plain}"`;
}
