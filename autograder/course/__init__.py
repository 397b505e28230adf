"""What an instructor does with a whole class, a module for each command or step.

grade         `grade`, `regrade` and `report`: from the command line through the gradebook to reports
live          what one sees while a class is graded
lateness      when each submission came in, and what that costs
publisher     from a run in the gradebook to reports, readers' marks and lateness applied
compare       `diff`: what is different between two runs, and why
similarity    `similar`: which submissions resemble each other
export        totals in the tables that Canvas and Moodle read
repositories  `collect` from students' repositories, and `publish` reports into them
"""
