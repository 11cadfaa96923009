"""Restore whole folders, of millions of photos too: ``din restore-many``.

:mod:`app.many.walk` finds the photos one after the other, and :mod:`app.many.plan` chooses those that are to be
restored; :mod:`app.many.manifest` knows what became of each. :mod:`app.many.photo` restores one and writes it;
:mod:`app.many.threads` and :mod:`app.many.by_ray` have several restored at the same time, the latter by the cluster
that :mod:`app.many.ray_cluster` connects to or starts. :mod:`app.many.command` is the command.

Everything that was recorded as done is whole and stays as it is. What was under way when the process, or a worker, was
killed is restored again, and takes the place of what may be there. So nothing is lost, and nothing is there twice.
"""
