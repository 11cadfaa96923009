// Functions that Gradio has no component for: dependent choices, the saved language, scrolling to the result, names of
// radio groups for screen readers, and photos pasted from the clipboard.

(() => {
  // Returns task and quality that are consistent with the latest choice. `tasks` is choices.offered() of choices.py.
  window.dinResolveChoice = (tasks, family, task, quality) => {
    const first = () => Object.keys(tasks).find((name) => tasks[name].family === family);
    const settled = tasks[task]?.family === family ? task : first();
    return [settled, quality === 'finer' && !tasks[settled].has_finer ? 'fast' : quality];
  };

  // Returns the language that a URL such as ?lang=de asks for, else the saved one, or that of the browser.
  window.dinReadLanguage = (languages) => {
    const asked = new URLSearchParams(location.search).get('lang');
    const wanted = [asked, localStorage.getItem('din-language'), ...navigator.languages];
    return wanted.map((tag) => tag?.split('-')[0].toLowerCase()).find((tag) => languages.includes(tag));
  };

  // Returns language, family and task from a URL such as ?lang=de&task=derain_light. The page asks once it is complete:
  // a task that a quick visitor has chosen by then stays.
  window.dinReadAddress = (tasks, languages) => {
    const asked = new URLSearchParams(location.search);
    const isUntouched = document.querySelector('#task input:checked')?.value === Object.keys(tasks)[0];
    const task = isUntouched && Object.hasOwn(tasks, asked.get('task')) ? asked.get('task') : undefined;
    return [dinReadLanguage(languages), tasks[task]?.family, task]; // undefined changes nothing
  };

  // Returns an update of component properties, as Gradio expects it from an event.
  window.dinUpdate = (properties) => ({ __type__: 'update', ...properties });

  const hideIntro = (isHidden) => {
    const intro = document.querySelector('din-intro');
    if (intro) intro.hidden = isHidden;
  };

  // Returns updates that clear comparison, gallery, download, report, messages and chain when the photos change, and shows the
  // introduction while there are none. Gradio may send the event twice for the same photos, when they may have been
  // restored already: then nothing is cleared.
  let remembered = '';
  window.dinClearResults = (photos) => {
    hideIntro(Boolean(photos?.length));
    const present = JSON.stringify((photos ?? []).map((photo) => photo.path));
    const isSame = present === remembered;
    remembered = present;
    const seen = { restored: [], uploaded: { states: [] }, picking: {} }; // Gradio keeps a component's own properties apart
    const forgotten = [{ props: seen }, { visible: false }, { interactive: false }];
    return [...forgotten, { value: '' }, { value: '' }, { value: '' }].map((properties) => dinUpdate(isSame ? {} : properties));
  };

  // Saves the language and sets it for the document.
  window.dinSetLanguage = (language) => {
    localStorage.setItem('din-language', language);
    document.documentElement.lang = language;
  };

  // Ends the introduction, and scrolls to progress and result if they are not visible: on a phone they are below the
  // choices.
  window.dinScrollToResult = () => {
    hideIntro(true); // now, for it moves what is scrolled to
    const see = document.querySelector('#see');
    const { top } = see.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) dinBringIntoView(see, 'start');
  };

  // Scrolls to an element, smoothly unless the visitor prefers otherwise.
  window.dinBringIntoView = (element, block = 'nearest') => {
    const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
    element.scrollIntoView({ block, behavior: isStill ? 'instant' : 'smooth' });
  };

  // Gives Gradio's radio groups, which have no accessible name, the name in their heading.
  const nameGroups = () => {
    for (const group of document.querySelectorAll('fieldset:not([aria-labelledby])')) {
      const title = group.querySelector('[data-testid=block-info]');
      if (!title || !group.id) continue;
      title.id = `${group.id}-title`;
      group.setAttribute('aria-labelledby', title.id);
    }
  };
  // Tells page.css how high the column of the result is.
  const measured = new ResizeObserver(([{ target }]) => {
    document.documentElement.style.setProperty('--din-height', `${target.offsetHeight}px`);
  });
  new MutationObserver(() => {
    nameGroups();
    const see = document.querySelector('#see');
    if (see) measured.observe(see);
  }).observe(document.documentElement, { childList: true, subtree: true });

  // Gives the focus of "Undo" to the button beside it when it vanishes with the chain, which is drawn some frames later.
  window.dinKeepFocus = (frames = 60) => {
    const undo = document.querySelector('#undo');
    const isLeft = [undo, document.body].includes(document.activeElement);
    if (isLeft && !undo.offsetParent) document.querySelector('#go_on').focus();
    else if (isLeft && frames) requestAnimationFrame(() => dinKeepFocus(frames - 1));
  };

  document.addEventListener('paste', (event) => {
    const photos = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith('image/'));
    const input = document.querySelector('#photos input[type=file]');
    if (!photos.length || !input) return;
    event.preventDefault();
    const pasted = new DataTransfer();
    photos.forEach((photo) => pasted.items.add(photo));
    input.files = pasted.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  });
})();
