// The code blocks of docs/install.md as the walkthrough types them.

export interface Block {
  readonly where: string;
  readonly text: string;
}

/** Code blocks "```sh WHERE" of a page. */
export function blocksOf(page: string): Block[] {
  const found = page.matchAll(/^```sh (router|proxy|pc)( after)?\n(.*?)^```$/gms);
  return Array.from(found, ([, where = '', after = '', text = '']) => ({
    where: `${where}${after}`,
    text,
  }));
}

/** Commands of a block, one each: a here-document and a continued line belong to theirs. */
export function commandsOf(text: string): string[] {
  const commands: string[] = [];
  let until = '';
  let open = false;
  for (const line of text.trimEnd().split('\n')) {
    if (open) commands.push(`${commands.pop()}\n${line}`);
    else commands.push(line);
    if (until !== '') {
      if (line === until) until = '';
    } else until = /<<(\w+)$/.exec(line)?.[1] ?? '';
    open = until !== '' || line.endsWith('\\');
  }
  return commands;
}
