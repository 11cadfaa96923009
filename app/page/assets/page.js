// What Gradio has no component for: its own words in the chosen language, and photos pasted from the clipboard.

(() => {
    const GRADIO_LOCALES = { zh: 'zh-CN' };

    // Gradio asks the browser for its language when it starts; a visitor's choice comes first.
    const asked = new URLSearchParams(location.search).get('lang') || localStorage.getItem('din-language');
    if (asked) {
        Object.defineProperty(navigator, 'language', { get: () => GRADIO_LOCALES[asked] || asked });
        document.documentElement.lang = asked;
    }

    // Gradio's module is loaded already: importing it once more gives the same one.
    window.dinSpeak = async (language) => {
        document.documentElement.lang = language;
        const loaded = performance.getEntriesByType('resource').map((entry) => entry.name);
        const core = loaded.find((name) => /\/core-[^/]*\.js/.test(name));
        if (core) (await import(core)).changeLocale?.(GRADIO_LOCALES[language] || language);
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
