/** Saves something as a file of the operator's, by the browser's own way; signs that names of files cannot have become dashes. */
export function saveAs(name: string, contents: Blob): void {
  const url = URL.createObjectURL(contents), link = Object.assign(document.createElement('a'), { href: url, download: name.replace(/[/\\:*?"<>|]/g, '-') });
  link.click();
  // The browser has taken it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url));
}

export const saveCsv = (name: string, text: string): void => saveAs(name, new Blob([text], { type: 'text/csv;charset=utf-8' }));
