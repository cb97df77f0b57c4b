/** Saves something as a file of the operator's, by the browser's own way. */
export function saveAs(name: string, contents: Blob): void {
  const url = URL.createObjectURL(contents), link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url));
}

export const download = (name: string, type: string, text: string): void => saveAs(name, new Blob([text], { type: `${type};charset=utf-8` }));
