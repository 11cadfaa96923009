// Gives the comparison its pictures and texts; Gradio runs it when the page's component has loaded. The
// restored photo takes precedence over the uploaded one, in whatever order they arrive, and choosing a part over both.
const [empty, part, viewer, whole] = element.querySelectorAll('.din-empty, din-part, din-compare, .din-whole');
const show = () => {
    const { value: texts, uploaded, picking } = props;
    const partOf = props.restored[0]?.part_of;
    const restored = partOf && partOf !== uploaded.photo ? [] : props.restored;  // the photo has changed meanwhile
    const photo = uploaded.states?.[0];
    const isPicking = Boolean(photo && picking.side);
    const states = restored.length ? restored : (uploaded.states ?? []);
    element.classList.toggle('din-has-photo', Boolean(photo));
    empty.textContent = texts.empty;
    empty.hidden = states.length > 0;
    viewer.texts = texts;
    if (JSON.stringify(states) !== JSON.stringify(viewer.states)) viewer.states = states;  // or zoom would be lost
    viewer.hidden = !states.length || isPicking;
    whole.textContent = texts.part.whole;
    whole.hidden = isPicking || !restored[0]?.part_of;
    if (isPicking) part.show(photo, picking.side, texts.part);
    part.hidden = !isPicking;
};
part.addEventListener('pick', ({ detail }) => trigger('select', { index: [detail.x, detail.y], value: null }));
part.addEventListener('leave', () => trigger('clear'));
whole.addEventListener('click', () => trigger('clear'));
watch(['value', 'uploaded', 'restored', 'picking'], show);
show();
