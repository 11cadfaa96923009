// Connects <din-kiosk> to the events of the page; Gradio runs it when the page's component has loaded.
const find = () => element.querySelector('din-kiosk');
let photos = 0;
const show = () => {
    const { language, ...properties } = props.value;
    document.documentElement.lang = language;
    Object.assign(find(), properties);
};
const hear = () => {
    const { progress, pair, failure, is_on_screen } = props.answer;
    if (progress) find().progress = progress;
    if (pair) find().show(pair, is_on_screen);
    if (failure) find().fail(failure);
};
element.addEventListener('photo', async ({ detail }) => {
    try {
        const { path } = await upload(detail.file);
        photos += 1;
        trigger('photo', { path, family: detail.family, number: photos });
    } catch {
        find().fail(props.value.texts.not_sent);
    }
});
element.addEventListener('withdraw', ({ detail }) => trigger('withdraw', detail));
watch('value', show);
watch('answer', hear);
show();
