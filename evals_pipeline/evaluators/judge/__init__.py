"""LLM judges: a template with variables, the labels it may answer with, and the model that is asked.

`template` reads what a user wrote, `sections` shows values so that they cannot pass for instructions, `wording` is what
every judge says besides; `judge` joins the three. `prebuilt` reads the judges in `evaluators/templates`, `classifier`
makes judges in a notebook. Keep out how a model is asked, and how often: that is `llm`.
"""
