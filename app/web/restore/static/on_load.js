// Gives the comparison its pictures and texts; Gradio runs it when the page's component has loaded. The
// restored photo takes precedence over the uploaded one, in whatever order they arrive.
const show = () => {
    const [empty, viewer] = element.querySelectorAll('.din-empty, din-compare');
    const { value: texts, uploaded, restored } = props;
    const states = restored.length ? restored : (uploaded.states ?? []);
    empty.textContent = texts.empty;
    empty.hidden = states.length > 0;
    viewer.texts = texts;
    if (JSON.stringify(states) !== JSON.stringify(viewer.states)) viewer.states = states;  // or zoom would be lost
    viewer.hidden = !states.length;
};
watch(['value', 'uploaded', 'restored'], show);
show();
