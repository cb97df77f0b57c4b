/** Hands a file to the browser, which asks where it is to go or puts it where files go; `href` is a data or blob URL. */
export function download(name: string, href: string): void {
  const link = document.createElement('a');
  link.href = href;
  link.download = name.replace(/[/\\:*?"<>|]/g, '-');
  link.click();
  // The browser has taken the blob by the next turn.
  if (href.startsWith('blob:')) setTimeout(() => URL.revokeObjectURL(href), 0);
}
