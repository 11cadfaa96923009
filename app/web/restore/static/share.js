// Shares or copies a restored photo, where the browser can: sharing is for phones, copying needs a secure address.

(() => {
  const root = document.documentElement.classList;
  if (navigator.canShare?.({ files: [new File([''], 'a.png', { type: 'image/png' })] })) root.add('din-can-share');
  if (navigator.clipboard?.write && window.ClipboardItem) root.add('din-can-copy');

  const fetched = async (file) => (await fetch(file.url)).blob();

  // The clipboard takes PNG alone.
  const asPng = async (file) => {
    const blob = await fetched(file);
    if (blob.type === 'image/png') return blob;
    const bitmap = await createImageBitmap(blob);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    return canvas.convertToBlob({ type: 'image/png' });
  };

  // Both return the sentence to show; `file` is what the download button offers, `texts` are those of the comparison.
  window.dinShare = async (file, texts) => {
    try {
      const blob = await fetched(file);
      await navigator.share({ files: [new File([blob], file.orig_name, { type: blob.type })] });
      return '';
    } catch (error) {
      return error.name === 'AbortError' ? '' : note(texts.not_shared); // the visitor has changed their mind, or not
    }
  };

  window.dinCopy = async (file, texts) => {
    try {
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': asPng(file) })]);
      return note(texts.copied);
    } catch {
      return note(texts.not_copied);
    }
  };

  const note = (text) => {
    const paragraph = document.createElement('p');
    Object.assign(paragraph, { className: 'din-note', role: 'status', textContent: text });
    return paragraph.outerHTML;
  };
})();
