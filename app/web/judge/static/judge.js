// What a photo needs: hides what is said of another photo than the present one, tells which candidate is chosen, and
// hands the choice of a candidate on to the page.

(() => {
  let present = '';
  let candidate = '';
  let chosen = '';

  // Shows the verdict if it is of the present photo, and marks the candidate whose task is chosen.
  const show = () => {
    for (const verdict of document.querySelectorAll('.din-verdict')) {
      verdict.hidden = verdict.dataset.photo !== present;
      for (const button of verdict.querySelectorAll('[data-task]')) {
        button.setAttribute('aria-pressed', String(button.dataset.task === chosen));
      }
    }
  };

  // Gradio's component of the verdict: connects its buttons to the event of the page.
  window.dinShowVerdict = (element, trigger, watch) => {
    element.addEventListener('click', (event) => {
      const button = event.target.closest('[data-task]');
      if (!button) return;
      candidate = button.dataset.task;
      trigger('select');
    });
    let seen; // the first of a judgement's steps is brought into view: the choices may end below the screen
    watch('value', () => {
      show();
      const verdict = element.querySelector('.din-verdict:not([hidden])');
      if (verdict && !seen) dinBringIntoView(element);
      seen = verdict;
    });
    show();
  };

  // Notes which photo is judged: the first one.
  window.dinNotePhoto = (photos) => {
    present = photos?.[0]?.path ?? '';
    show();
  };

  // Returns family, task and quality for the candidate that was clicked. `tasks` is choices.offered() of choices.py.
  window.dinTakeCandidate = (tasks, quality) => {
    const { family } = tasks[candidate];
    return [family, ...dinResolveChoice(tasks, family, candidate, quality)];
  };

  // Marks the candidate whose task is chosen; Gradio calls it when another one is.
  window.dinShowChosen = (task) => {
    chosen = task;
    show();
  };
})();
