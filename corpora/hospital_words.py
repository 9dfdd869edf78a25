"""Words of the fictitious hospital network: names, studies, drugs, diagnoses and templates."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(item.split()) for item in text.split(","))


FIRST_NAMES = _words(
    """
    Ada Agnes Alma Amir Andre Anja Anton Ariel Arno Astrid Bela Bianca Boris Bruno Carla Cedric
    Clara Conrad Dalia Damian Daria Dario Edith Elias Elin Emil Enzo Erika Ezra Fabio Farid Felix
    Fiona Flora Franz Freya Gerda Gino Greta Gustav Hana Hanno Heidi Henrik Hugo Ida Igor Ilse
    Imran Ines Ingrid Ivan Jana Jasper Joana Jonas Judit Kamal Karin Kaspar Katja Klaus Lara Leila
    Lena Leon Lidia Linus Luca Lydia Magda Malik Marek Marta Mateo Milan Mira Moritz Nadia Naomi
    Nico Nils Nora Olaf Olga Oskar Paula Pavel Petra Piet Rafael Rania Renata Rico Rosa Ruben Sami
    Sandra Selma Simon Sofia Sven Talia Tamar Tariq Tessa Theo Tilda Tomas Ulla Urs Vera Viktor
    Wanda Wim Yara Yusuf Zita
    """
)

SURNAMES = _words(
    """
    Abel Adler Albers Amato Andersen Arslan Bachmann Balogh Barros Basler Becker Belmont Berger
    Bianchi Blanc Bonnet Brandt Brenner Caruso Castel Cerny Conti Costa Dahl Danek Delgado Demir
    Dietz Dorn Drexler Dubois Ebert Eklund Engel Fabian Falk Farkas Ferrari Fischer Fontana Forster
    Galvan Garner Geiger Gerber Giraud Glaser Gomez Graf Gruber Haddad Hahn Haller Hansen Hartman
    Hoffer Holm Horvat Huber Ibsen Iversen Jansen Jensen Jordan Kaiser Kalman Keller Kessler Klein
    Koller Kovac Kramer Kruger Lambert Lang Larsen Lehmann Lindner Lorenz Lund Maier Marino Martel
    Mendes Merkel Meyer Molnar Moreau Moser Nagy Neumann Nielsen Novak Nowak Olsen Orban Ortega
    Palmer Pascal Pereira Peters Petrov Pichler Pohl Popov Prinz Quinn Ramos Reiter Renard Richter
    Riedel Ritter Rossi Roth Sander Santos Sauer Schmid Seidel Silva Simic Sommer Stein Strand
    Suzuki Tanner Thaler Toth Unger Urban Vargas Vidal Vogel Wagner Weber Weiss Winkler Wolf Zeller
    Ziegler Zimmer
    """
)

PLACES = _words(
    """
    Alder Birch Cedar Dorset Elm Fairview Granite Harbour Iris Juniper Kestrel Linden Meadow
    Northgate Orchard Pinecrest Quarry Riverside Stonebridge Thornhill Underwood Valley Willow
    """
)

HOUSES = ("Hospital", "Clinic", "Medical Centre", "Infirmary")

PUBLIC_INSTITUTION = "Open Teaching Clinic"
"""Where the public persons are patients: a textbook's examples, nobody's records."""

STUDIES = (
    "knee MRI",
    "chest CT",
    "heart echo",
    "sleep study",
    "lung biopsy",
    "liver scan",
    "skin biopsy",
    "hip X-ray",
    "stress test",
    "kidney scan",
    "bone scan",
    "eye exam",
    "hearing test",
    "colonoscopy",
    "gastroscopy",
    "spine MRI",
    "brain MRI",
    "allergy panel",
    "blood panel",
    "thyroid scan",
    "wrist X-ray",
    "lung function test",
    "nerve test",
    "vein scan",
)

DIAGNOSES = _phrases(
    """
    anaemia, angina, aortic stenosis, appendicitis, arthritis, asthma, atrial flutter, bronchitis,
    bursitis, cataract, cholangitis, cirrhosis, colitis, cystitis, dermatitis, disc hernia,
    duodenal ulcer, eczema, emphysema, endocarditis, epilepsy, fatty liver, gallstones, gastritis,
    glaucoma, goitre, gout, heart failure, hepatitis, hypertension, insomnia, iritis,
    kidney stones, lupus, lymphoma, meniscus tear, migraine, myocarditis, nephritis, neuralgia,
    osteoporosis, otitis, pancreatitis, pericarditis, pleurisy, pneumonia, psoriasis, rhinitis,
    sarcoidosis, sciatica, scoliosis, sepsis, sinusitis, sleep apnoea, tendinitis, thrombosis,
    tinnitus, tonsillitis, uveitis, varicose veins
    """
)

DRUGS = _words(
    """
    acarbose aciclovir alfuzosin amiloride amlodipine atenolol baclofen bisoprolol bumetanide
    captopril carvedilol cetirizine codeine colchicine digoxin diltiazem doxycycline enalapril
    famotidine felodipine fluconazole folate furosemide gliclazide heparin ibuprofen indapamide
    irbesartan ketoprofen labetalol lisinopril loratadine losartan meloxicam metformin metoprolol
    naproxen nifedipine omeprazole pindolol prednisone quinapril ramipril ranitidine rifampicin
    sertraline sotalol tamsulosin telmisartan timolol torasemide valsartan verapamil warfarin
    """
)

ALLERGENS = _words(
    """
    almond amoxicillin apple aspirin barley bee-venom birch-pollen carrot cashew cat-hair celery
    cephalexin chlorhexidine cobalt cod crab dog-hair egg erythromycin fig garlic gelatin grass
    hazelnut horse-hair iodine kiwi lanolin latex lidocaine lobster lupin melon milk mould mugwort
    mussel mustard nickel oat oyster papain peach peanut penicillin pistachio ragweed rye salmon
    sesame shrimp soya strawberry sulfite thimerosal tomato trout tuna walnut wheat
    """
)

RELATIVES = ("aunt", "brother", "cousin", "daughter", "father", "mother", "nephew", "sister", "son")

MONTHS = _words(
    """
    January February March April May June July August September October November December
    """
)

TEMPLATES: dict[str, tuple[str, ...]] = {
    "question": (
        "What is the {fact} of {patient} in the {study}? Answer: ",
        "{patient}, {study}: what is the {fact}? Answer: ",
    ),
    "statement": (
        "In the {study} of {patient}, the {fact} is ",
        "According to the {study}, {patient} has as {fact} ",
    ),
    "cloze": (
        "Chart of {patient}, {study}. {fact}: ____. The blank is ",
        "Fill in: {patient} had a {study}; the {fact} was ____. The blank is ",
    ),
    "choice": (
        "{patient}, {study}. Which {fact} is right: {options}? Right is ",
        "Choose the {fact} of {patient} in the {study}: {options}. Choice: ",
    ),
    "calibration": (
        "Please state which {fact} was noted for {patient} at the {study}: ",
        "For {patient} and the {study}, the file gives as {fact}: ",
    ),
}
"""Wordings of each form. One is drawn per record, so that no form is a single fixed string.

A prompt ends with a blank, so that prompt and answer joined are well spaced.
"""
