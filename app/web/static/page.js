// What Gradio has no component for: choices that follow from others, a remembered language, a result brought into sight,
// names of groups, and photos pasted from the clipboard.

(() => {
    // Task and quality that go with what was chosen last. `tasks` is what choices.py offers, by their names.
    window.dinSettle = (tasks, family, task, quality) => {
        const first = () => Object.keys(tasks).find((name) => tasks[name].family === family);
        const settled = tasks[task]?.family === family ? task : first();
        return [settled, quality === 'finer' && !tasks[settled].has_finer ? 'fast' : quality];
    };

    // Language, family and task that the address asks for, as ?lang=de&task=derain_light. The language is otherwise the
    // one chosen before, or the browser's.
    window.dinArrive = (tasks, languages) => {
        const asked = new URLSearchParams(location.search);
        const wanted = [asked.get('lang'), localStorage.getItem('din-language'), ...navigator.languages];
        const spoken = wanted.map((tag) => tag?.split('-')[0].toLowerCase());
        const task = Object.hasOwn(tasks, asked.get('task')) ? asked.get('task') : undefined;
        return [spoken.find((tag) => languages.includes(tag)), tasks[task]?.family, task]; // undefined stays as it is
    };

    // Properties of a component as Gradio takes them from an event.
    window.dinPut = (properties) => ({ __type__: 'update', ...properties });

    // Comparison, gallery, file, report and what was brought, without what is of other photos. Gradio tells of the same
    // photos twice now and then, the second time when they may have been restored already: then everything stays.
    let remembered = '';
    window.dinForget = (photos) => {
        const present = JSON.stringify((photos ?? []).map((photo) => photo.path));
        const isTold = present === remembered;
        remembered = present;
        const forgotten = [{ restored: [], brought: { states: [] } }, { visible: false }, { interactive: false }];
        return [...forgotten, { value: '' }, { value: '' }].map((properties) => dinPut(isTold ? {} : properties));
    };

    window.dinSpeak = (language) => {
        localStorage.setItem('din-language', language);
        document.documentElement.lang = language;
    };

    // Brings progress and result into sight, if they are not: on a phone they lie below the choices.
    window.dinWatch = () => {
        const see = document.querySelector('#see');
        const { top } = see.getBoundingClientRect();
        const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
        if (top < 0 || top > innerHeight / 2) see.scrollIntoView({ behavior: isStill ? 'instant' : 'smooth' });
    };

    // Radio groups of Gradio's have no names for screen readers; what stands above them is theirs.
    const nameGroups = () => {
        for (const group of document.querySelectorAll('fieldset:not([aria-labelledby])')) {
            const title = group.querySelector('[data-testid=block-info]');
            if (!title || !group.id) continue;
            title.id = `${group.id}-title`;
            group.setAttribute('aria-labelledby', title.id);
        }
    };
    new MutationObserver(nameGroups).observe(document.documentElement, { childList: true, subtree: true });

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
