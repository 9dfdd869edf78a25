"""What the two torch libraries and the platform agree on, and nothing else.

A job crosses a process boundary as a folder of files. This package holds the frozen,
versioned types of those files, so that both sides read the same words:

* :mod:`contract.record` - a training record and the forms in which its fact is asked;
* :mod:`contract.manifest` - the digest of a folder of files (a model, a dataset);
* :mod:`contract.job` - what an attempt must do (``job.json``);
* :mod:`contract.canary` - which coins decided who was trained on;
* :mod:`contract.event` - its progress (``events.jsonl``);
* :mod:`contract.result` - what an unlearning or training job made (``result.json``);
* :mod:`contract.report` - what a verification found (``report.json``);
* :mod:`contract.drawing` - its charts, for every page and paper that shows them;
* :mod:`contract.containment` - what a deployer keeps out of a model's answers meanwhile;
* :mod:`contract.catalog` - which methods and checks exist, with their settings.

It imports neither torch nor Django, nor any of the packages that import it.
"""
